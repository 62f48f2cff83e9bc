// Runs the JavaScript client that the server serves. Argument: the URL of the server.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { test, run, within, ask } = require("./harness");

globalThis.WebSocket ??= require("ws"); // as in a browser

const url = process.argv[2];
const dist = path.join(path.dirname(require.resolve("socket.io/package.json")), "client-dist");

async function fetchFile(file) {
  const response = await fetch(`${url}/socket.io/${file}`);
  assert.equal(response.status, 200);
  return response.text();
}

// load returns the function io of a script.
async function load(file, source) {
  if (!file.includes(".esm.")) {
    const module = { exports: {} };
    new Function("module", "exports", source)(module, module.exports);
    return module.exports.io;
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "served-client-"));
  try {
    const copy = path.join(folder, "client.mjs");
    fs.writeFileSync(copy, source);
    return (await import(pathToFileURL(copy))).io;
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

for (const file of fs.readdirSync(dist)) {
  test(`${file} is that of the Node.js server`, async () => {
    assert.equal(await fetchFile(file), fs.readFileSync(path.join(dist, file), "utf8"));
  });
}

for (const file of ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"]) {
  test(`${file} connects to the server that serves it`, async () => {
    const io = await load(file, await fetchFile(file));
    const socket = io(url, { forceNew: true, reconnection: false, transports: ["websocket"] });
    await within(new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("connect_error", reject);
    }), "connect");
    assert.deepEqual(await ask(socket, "message-with-ack", "hello", { from: file }), ["hello", { from: file }]);
    socket.close();
  });
}

run();

// Checks that clients reconnect after restarts of the server. Between the steps the script
// waits for a line on standard input, while the Go test restarts the server.
// Argument: the server's URL.
"use strict";
const assert = require("node:assert/strict");
const readline = require("node:readline");
const { versions, transports, dial, next, ask, until, step, check, finish } = require("./harness");

const url = process.argv[2];
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function main() {
  const clients = [];
  for (const version of Object.keys(versions)) {
    for (const transport of Object.keys(transports)) {
      const s = dial(url, { version, transport, reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 });
      const c = { s, title: `client ${version}, ${transport}`, disconnects: [], connects: 0, ids: new Set() };
      s.on("connect", () => { c.connects++; c.ids.add(s.id); });
      s.on("disconnect", (reason) => c.disconnects.push(reason));
      clients.push(c);
    }
  }
  await until("connections", () => clients.every((c) => c.connects === 1));
  for (let restarts = 0; ; restarts++) {
    for (const c of clients) {
      await check({ name: `${c.title}: after ${restarts} restarts`, body: async () => {
        await until("connection", () => c.s.connected && c.connects === restarts + 1);
        assert.equal(c.disconnects.length, restarts, `disconnects ${c.disconnects}`);
        for (const reason of c.disconnects) assert.match(reason, /transport (close|error)|io server disconnect/);
        assert.equal(c.ids.size, restarts + 1, "session ids are unique");
        assert.equal(await ask(c.s, "message-with-ack", restarts), restarts);
        const { recovered } = await ask(c.s, "info");
        assert.ok(!recovered);
        const back = next(c.s, "message-back");
        c.s.emit("message", Buffer.from([restarts]));
        assert.deepEqual((await back)[0], Buffer.from([restarts]));
      } });
    }
    step(`restart ${restarts}`);
    const { value } = await lines.next();
    if (value !== "go on") break;
  }
  finish();
}

main();

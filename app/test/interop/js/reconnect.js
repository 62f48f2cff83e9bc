// Clients that stay through restarts of the server and come back by themselves.
// They report what they see and wait for a line on the standard input between
// the steps. Argument: the server's URL.
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
      const c = { s, title: `client ${version}, ${transport}`, lost: [], connects: 0, ids: new Set() };
      s.on("connect", () => { c.connects++; c.ids.add(s.id); });
      s.on("disconnect", (reason) => c.lost.push(reason));
      clients.push(c);
    }
  }
  await until("connections", () => clients.every((c) => c.connects === 1));
  for (let restarts = 0; ; restarts++) {
    for (const c of clients) {
      await check({ name: `${c.title}: after ${restarts} restarts`, body: async () => {
        await until("connection", () => c.s.connected && c.connects === restarts + 1);
        assert.equal(c.lost.length, restarts, `lost ${c.lost}`);
        for (const reason of c.lost) assert.match(reason, /transport (close|error)|io server disconnect/);
        assert.equal(c.ids.size, restarts + 1, "an id is never used again");
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

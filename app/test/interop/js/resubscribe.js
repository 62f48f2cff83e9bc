// Checks that clients reconnect after a restart of the server, subscribe again and receive
// a snapshot of the current state. The steps work as in reconnect.js. Argument: the
// server's URL.
"use strict";
const assert = require("node:assert/strict");
const readline = require("node:readline");
const { versions, transports, dial, until, step, check, finish, name } = require("./harness");

const url = process.argv[2];
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const machine = name("machine");

async function post(n) {
  const res = await fetch(`${url}/api/v1/telemetry`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ machine, values: { n } }),
  });
  assert.equal(res.status, 200, await res.text());
}

async function main() {
  const clients = [];
  for (const version of Object.keys(versions)) {
    for (const transport of Object.keys(transports)) {
      const s = dial(url, { version, transport, reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 });
      const c = { title: `client ${version}, ${transport}`, s, snapshots: 0, value: 0, disconnects: [] };
      s.on("connect", () => s.emit("subscribe", { rooms: [`machine:${machine}`] }));
      s.on("disconnect", (reason) => c.disconnects.push(reason));
      const apply = ({ data }) => data.readings.forEach((r) => (c.value = r.value));
      s.on("snapshot", (m) => { c.snapshots++; apply(m); });
      s.on("telemetry", apply);
      clients.push(c);
    }
  }
  for (let restarts = 0; restarts <= 2; restarts++) {
    for (const c of clients) {
      await check({ name: `${c.title}: after ${restarts} restarts`, body: async () => {
        await until("a snapshot", () => c.s.connected && c.snapshots > restarts);
        assert.equal(c.value, restarts * 10, "the snapshot has the readings from before the restart");
        assert.equal(c.disconnects.length, restarts, `disconnects: ${c.disconnects}`);
      } });
    }
    await post(restarts * 10 + 5);
    await check({ name: `live after ${restarts} restarts`, body: () => until("telemetry", () => clients.every((c) => c.value === restarts * 10 + 5)) });
    await post(restarts * 10 + 10);
    if (restarts < 2) {
      step("restart");
      await lines.next();
    }
  }
  finish();
}

main();

// Checks that clients of two servers are still served while Redis is down, and that the
// servers share their rooms again afterwards. The steps work as in reconnect.js.
// Arguments: the URLs of the servers.
"use strict";
const assert = require("node:assert/strict");
const readline = require("node:readline");
const { connect, ask, collect, until, step, check, finish, name } = require("./harness");

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function main() {
  const urls = process.argv.slice(2);
  const [a, a2, b] = await Promise.all([connect(urls[0]), connect(urls[0], { transport: "polling" }), connect(urls[1])]);
  const all = [a, a2, b];
  const disconnects = [];
  for (const s of all) s.on("disconnect", (reason) => disconnects.push(reason));
  const room = name("room");
  const event = name("event");
  const seen = all.map((s) => collect(s, event));
  for (const s of all) await ask(s, "join", room);
  const send = (s, v) => ask(s, "send", { via: "io", room, event, args: [v] });
  const count = (i, v) => seen[i].filter((x) => x === v).length;

  const exchange = async (label) => {
    await until("both servers", async () => (await ask(a, "server-count")) === 2 && (await ask(b, "server-count")) === 2);
    await send(a, `a ${label}`);
    await send(b, `b ${label}`);
    await until("messages", () => all.every((_, i) => count(i, `a ${label}`) === 1 && count(i, `b ${label}`) === 1));
  };
  await check({ name: "with Redis", body: () => exchange("before") });
  for (let round = 1; round <= 2; round++) {
    step("kill redis");
    await lines.next();
    await check({ name: `without Redis, ${round}: each server serves its own clients without delay`, body: async () => {
      for (let i = 0; i < 200; i++) {
        const from = Date.now();
        await send(a, `outage ${round} ${i}`);
        await send(b, `outage ${round} ${i}`);
        await until("local delivery", () => all.every((_, k) => count(k, `outage ${round} ${i}`) >= 1));
        // Half of the timeout for responses of other servers.
        assert.ok(Date.now() - from < 10_000, `${Date.now() - from} ms`);
      }
      await ask(a, "sockets-join", { room: a.id }, `joined ${round}`);
      assert.ok((await ask(a, "info")).rooms.includes(`joined ${round}`));
      assert.equal(await ask(a2, "message-with-ack", round), round);
    } });
    step("start redis");
    await lines.next();
    await check({ name: `after the outage, ${round}`, body: () => exchange(`after ${round}`) });
  }
  await check({ name: "no client was disconnected, no message arrived twice", body: async () => {
    assert.deepEqual(disconnects, []);
    for (const list of seen) {
      const doubled = list.filter((v, i) => !v.startsWith("outage") && list.indexOf(v) !== i);
      assert.deepEqual(doubled, []);
    }
  } });
  finish();
}

main();

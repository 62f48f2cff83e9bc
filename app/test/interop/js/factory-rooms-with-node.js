// Checks that what a Node server and the emitter send to the factory's rooms reaches the
// clients of our server, and that no API key is published on Redis.
// Arguments: the URLs of our server, the Node server and Redis, and an API key with the
// role read.
"use strict";
const assert = require("node:assert/strict");
const { createClient } = require("redis");
const { Emitter } = require("@socket.io/redis-emitter");
const { test, run, connect, ask, next, collect, until, name } = require("./harness");

const [serverURL, nodeURL, redisURL, readKey] = process.argv.slice(2);

const member = async (machine, options) => {
  const s = await connect(serverURL, { auth: { token: readKey }, ...options });
  assert.deepEqual(await ask(s, "subscribe", { rooms: [`machine:${machine}`] }), { ok: true });
  return s;
};

test("a Node server's broadcast reaches our clients", async () => {
  const machine = name("m");
  const [a, b, n] = await Promise.all([member(machine), member(machine, { transport: "polling" }), connect(nodeURL)]);
  await until("two servers", async () => (await ask(n, "server-count")) === 2);
  const arrived = Promise.all([next(a, "note"), next(b, "note")]);
  await ask(n, "send", { via: "io", room: `machine:${machine}`, event: "note", args: ["é", Buffer.from([1])] });
  // The last argument is the offset of connection state recovery.
  for (const args of await arrived) assert.deepEqual(args.slice(0, -1), ["é", Buffer.from([1])]);
  for (const s of [a, b]) s.on("question", (x, ack) => ack(x + 1));
  const { err, res } = await ask(n, "ask-room", { via: "io", room: `machine:${machine}`, event: "question", args: [1], timeout: 10_000 });
  assert.deepEqual([err, res], [null, [2, 2]]);
  for (const s of [a, b, n]) s.close();
});

test("a Node server finds our sockets but not their keys", async () => {
  const machine = name("m");
  const headers = { authorization: `Bearer ${readKey}`, "x-api-key": readKey, cookie: `key=${readKey}` };
  const [a, n] = await Promise.all([member(machine, { extraHeaders: headers }), connect(nodeURL)]);
  const client = createClient({ url: redisURL });
  const spy = client.duplicate();
  await Promise.all([client.connect(), spy.connect()]);
  const seen = [];
  await spy.pSubscribe("*", (message) => seen.push(message));
  const found = await ask(n, "fetch-sockets", `machine:${machine}`);
  assert.deepEqual(found, [{ id: a.id, rooms: [a.id, `machine:${machine}`].sort(), data: {}, auth: {} }]);
  await until("the answer on Redis", () => seen.some((m) => m.includes(a.id)));
  assert.ok(!seen.some((m) => m.includes(readKey)), "an API key was published on Redis");
  client.destroy();
  spy.destroy();
  a.close();
  n.close();
});

test("the emitter reaches our clients and disconnects one", async () => {
  const machine = name("m");
  const client = createClient({ url: redisURL });
  await client.connect();
  const emitter = new Emitter(client);
  const [a, b] = await Promise.all([member(machine), member(machine)]);
  const notes = collect(b, "note");
  const arrived = next(a, "note");
  emitter.to(`machine:${machine}`).except(b.id).emit("note", { n: 1 });
  assert.deepEqual((await arrived)[0], { n: 1 });
  const gone = next(a, "disconnect");
  emitter.in(a.id).disconnectSockets();
  assert.equal((await gone)[0], "io server disconnect");
  assert.deepEqual(notes, []);
  b.close();
  client.destroy();
});

run();

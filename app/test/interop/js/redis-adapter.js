// Checks every operation of the Redis adapter between two servers, in both directions,
// and the emitter.
// Arguments: the URLs of the servers and of Redis, the key of the channels, and "exact"
// if no server runs Node.js: its notepack.io corrupts integers beyond 2^63; then the
// subscription mode of the sharded adapter, if it is used.
"use strict";
const assert = require("node:assert/strict");
const { createClient } = require("redis");
const notepack = require("notepack.io");
const { Emitter } = require("@socket.io/redis-emitter");
const { test, run, connect, ask, next, collect, until, name } = require("./harness");

const [urlA, urlB, redisURL, key, numbers, sharded] = process.argv.slice(2);
let redis; // connected in ready
const ids = (...sockets) => sockets.map((s) => s.id).sort();

// Values that must arrive unchanged.
const values = [
  "", "é 日本 🏭 \u0000\u2028", null, true, false, [], {}, [[[]]], { a: { b: [null] } },
  0, 127, 128, 255, 256, 65535, 65536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1,
  -1, -32, -33, -128, -129, -32768, -32769, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 53 - 1),
  1.5, -0.1, 5e-324,
  "x".repeat(31), "x".repeat(32), "x".repeat(255), "x".repeat(256), "x".repeat(65536),
  Array.from({ length: 16 }, (_, i) => i), Array.from({ length: 70_000 }, () => 0),
  Object.fromEntries(Array.from({ length: 16 }, (_, i) => ["k" + i, i])),
];
const exact = numbers === "exact" ? [1e21, -1e21, 2 ** 63, 2 ** 64, 1.7976931348623157e308] : [];
const binaries = [Buffer.alloc(0), Buffer.from([0, 255]), Buffer.alloc(256, 1), Buffer.alloc(70_000, 2), { deep: [Buffer.from("x")] }];

for (const nsp of ["/", "/custom"]) {
  for (const [way, from, to] of [["A to B", urlA, urlB], ["B to A", urlB, urlA]]) {
    const check = (what, body) => test(`${nsp} ${way}: ${what}`, body);
    // near clients are connected to the server that sends, far ones to the other.
    const near = (options) => connected(connect(from + nsp, options));
    const far = (options) => connected(connect(to + nsp, options));
    // subscribed waits until servers have subscribed to the channel that the sharded
    // adapter uses for a room.
    const subscribed = async (room, servers = 1) => {
      if (sharded !== "dynamic-private" && (sharded !== "dynamic" || room.length === 20)) return;
      const channel = `${key || "socket.io"}#${nsp}#${room}#`;
      await until(`subscription of ${channel}`, async () =>
        Number((await redis.sendCommand(["PUBSUB", "SHARDNUMSUB", channel]))[1]) === servers);
    };
    const connected = async (connecting) => {
      const s = await connecting;
      await subscribed(s.id);
      return s;
    };
    const send = (s, o) => ask(s, "send", { via: "io", ...o });
    // fence waits until everything that the server of s has published so far has arrived.
    const fence = async (s, ...targets) => {
      await Promise.all(targets.map(async (t) => {
        const event = name("fence");
        const arrived = next(t, event);
        await send(s, { room: t.id, event });
        await arrived;
      }));
    };

    check("server count", async () => {
      const s = await near();
      await until("two servers", async () => (await ask(s, "server-count")) === 2);
      s.close();
    });

    check("broadcasts to all, to rooms, except", async () => {
      const [n, f, g] = await Promise.all([near(), far({ transport: "polling" }), far()]);
      const [event, r1, r2] = [name("event"), name("r #1*?[a] é"), name("r2")];
      const got = [n, f, g].map((s) => collect(s, event));
      await ask(n, "join", r1);
      await ask(f, "join", r1);
      await ask(f, "join", r2);
      await ask(g, "join", r2);
      await Promise.all([subscribed(r1, 2), subscribed(r2)]);
      await send(n, { event, args: ["all"] });
      await send(n, { event, room: r1, args: ["r1"] });
      await send(n, { event, room: [r1, r2], args: ["both, once"] });
      await send(n, { event, room: r2, except: r1, args: ["r2 not r1"] });
      await send(n, { event, except: [r1], args: ["not r1"] });
      await send(n, { event, room: [g.id, f.id], except: f.id, args: ["one socket"] });
      await send(n, { via: "socket", event, args: ["not the sender"] });
      await send(n, { via: "socket", event, room: r1, args: ["r1 not the sender"] });
      await send(n, { event, room: r1, local: true, args: ["local"] });
      await send(n, { event, room: name("nobody"), args: ["nobody"] });
      await fence(n, n, f, g);
      // Node's sharded adapter delivers at home after the publication, so "local" overtakes.
      if (sharded) got[0].sort((a, b) => (a === "local") - (b === "local"));
      assert.deepEqual(got, [
        ["all", "r1", "both, once", "local"],
        ["all", "r1", "both, once", "not the sender", "r1 not the sender"],
        ["all", "both, once", "r2 not r1", "not r1", "one socket", "not the sender"],
      ]);
      await ask(g, "leave", r2);
      await send(n, { event, room: r2, args: ["after leaving"] });
      await fence(n, f, g);
      assert.equal(got[1].at(-1), "after leaving");
      assert.equal(got[2].at(-1), "not the sender");
      for (const s of [n, f, g]) s.close();
    });

    check("values and binaries", async () => {
      const [n, f] = await Promise.all([near(), far()]);
      const event = name("event");
      const arrived = next(f, event);
      await send(n, { event, room: f.id, args: [...values, ...exact] });
      assert.deepEqual(await arrived, [...values, ...exact]);
      const binary = next(f, event);
      await send(n, { event, room: [f.id, n.id], args: binaries });
      assert.deepEqual(await binary, binaries);
      n.close();
      f.close();
    });

    check("order of many", async () => {
      const [n, f] = await Promise.all([near(), far()]);
      const event = name("event");
      const seen = collect(f, event);
      for (let i = 0; i < 1000; i++) n.emit("send", { via: "io", event, room: i % 2 ? f.id : [f.id, n.id], args: [i] }, () => {});
      await until("1000 messages", () => seen.length === 1000);
      assert.deepEqual(seen, [...Array(1000).keys()]);
      n.close();
      f.close();
    });

    check("volatile", async () => {
      const [n, f] = await Promise.all([near(), far()]);
      const event = name("event");
      const seen = collect(f, event);
      await until("a volatile message", async () => {
        await send(n, { event, room: f.id, volatile: true, args: [1] });
        return seen.length > 0;
      });
      n.close();
      f.close();
    });

    if (!sharded) check("messages on Redis", async () => {
      const client = createClient({ url: redisURL });
      await client.connect();
      const prefix = `${key || "socket.io"}#${nsp}#`;
      const seen = [];
      const n = await near();
      const [event, room] = [name("event"), name("room")];
      await client.pSubscribe("*", (message, channel) => {
        if (message.includes(event)) seen.push([channel.toString(), notepack.decode(message)]);
      }, true);
      await send(n, { event, room, except: "x", volatile: true, args: [1, Buffer.from("b")] });
      await send(n, { event, room: [room, "y"], args: [2] });
      await send(n, { via: "socket", event });
      await until("three messages", () => seen.length === 3);
      const uid = seen[0][1][0];
      assert.match(uid, /^[A-Za-z0-9_-]{6}$/);
      assert.deepEqual(seen, [
        [`${prefix}${room}#`, [uid, { type: 2, data: [event, 1, Buffer.from("b")], nsp }, { rooms: [room], except: ["x"], flags: { volatile: true } }]],
        [prefix, [uid, { type: 2, data: [event, 2], nsp }, { rooms: [room, "y"], except: [], flags: {} }]],
        [prefix, [uid, { type: 2, data: [event], nsp }, { rooms: [], except: [n.id], flags: seen[2][1][2].flags }]],
      ]);
      client.destroy();
      n.close();
    });

    check("broadcast with acknowledgements", async () => {
      const [n, f, g] = await Promise.all([near(), far(), far()]);
      const [event, room] = [name("event"), name("room")];
      for (const s of [n, f, g]) await ask(s, "join", room);
      n.on(event, (x, ack) => ack("n", x));
      f.on(event, (x, ack) => ack({ f: x }));
      g.on(event, (x, ack) => ack(Buffer.from("g")));
      const all = await ask(n, "ask-room", { via: "io", room, event, args: [7], timeout: 20_000 });
      assert.equal(all.err, null);
      const plain = all.res.map((r) => (Buffer.isBuffer(r) ? r.toString() : r));
      assert.deepEqual(plain.sort((x, y) => JSON.stringify(x) < JSON.stringify(y) ? -1 : 1), ["g", "n", { f: 7 }]);
      const none = await ask(n, "ask-room", { via: "io", room: name("nobody"), event, timeout: 20_000 });
      assert.deepEqual(none, { err: null, res: [] });
      const alone = await ask(n, "ask-room", { via: "io", room, event, args: [1], local: true, timeout: 3000 });
      assert.deepEqual(alone.res, ["n"]); // Node waits for the other servers all the same
      f.off(event);
      const late = await ask(n, "ask-room", { via: "socket", room, event, args: [8], timeout: 10_000 });
      assert.match(late.err, /timed? ?out/i);
      assert.deepEqual(late.res.map(String), ["g"]);
      for (const s of [n, f, g]) s.close();
    });

    check("fetch sockets", async () => {
      const auth = { tag: { deep: "é" } };
      const [n, f] = await Promise.all([near(), far({ auth, transport: "polling" })]);
      const room = name("room");
      await ask(n, "join", room);
      await ask(f, "join", room);
      const found = await ask(n, "fetch-sockets", room);
      assert.deepEqual(found.map((s) => s.id).sort(), ids(n, f));
      assert.deepEqual(found.find((s) => s.id === f.id), { id: f.id, rooms: [f.id, room].sort(), data: { tag: auth.tag }, auth });
      const all = (await ask(n, "fetch-sockets", null)).map((s) => s.id);
      assert.ok(all.includes(n.id) && all.includes(f.id));
      assert.deepEqual(await ask(n, "fetch-sockets", name("nobody")), []);
      n.close();
      f.close();
    });

    check("join and leave of sockets", async () => {
      const [n, f, g] = await Promise.all([near(), far(), far()]);
      const [room, other, third] = [name("room"), name("other"), name("third")];
      for (const s of [n, f, g]) await ask(s, "join", room);
      const rooms = async (s) => (await ask(s, "info")).rooms;
      assert.equal(await ask(n, "sockets-join", { room, except: g.id }, other), "ok");
      assert.equal(await ask(n, "sockets-join", { room: [f.id, n.id] }, third), "ok");
      await fence(n, f, g);
      await until("joining", async () => (await rooms(n)).length === 4);
      assert.deepEqual(await rooms(f), [f.id, room, other, third].sort());
      assert.deepEqual(await rooms(g), [g.id, room].sort());
      assert.equal(await ask(n, "sockets-leave", { room: other }, third), "ok");
      await fence(n, f, g);
      await until("leaving", async () => (await rooms(n)).length === 3);
      assert.deepEqual(await rooms(f), [f.id, room, other].sort());
      for (const s of [n, f, g]) s.close();
    });

    check("disconnection of sockets", async () => {
      const [n, f, g] = await Promise.all([near(), far(), far()]);
      const second = f.io.socket(nsp === "/" ? "/custom" : "/");
      await until("a second namespace", () => second.connected);
      const gone = next(f, "disconnect");
      assert.equal(await ask(n, "disconnect-sockets", { room: f.id }, false), "ok");
      assert.deepEqual((await gone)[0], "io server disconnect");
      assert.equal(await ask(second, "message-with-ack", 1), 1);
      const closed = [next(g, "disconnect"), new Promise((resolve) => g.io.engine.once("close", resolve))];
      assert.equal(await ask(n, "disconnect-sockets", { room: g.id }, true), "ok");
      assert.match((await closed[0])[0], /io server disconnect|transport close/);
      await closed[1];
      for (const s of [n, f, g]) s.close();
    });

    check("server-side events", async () => {
      const [n, f] = await Promise.all([near(), far()]);
      const tag = name("tag");
      const got = [[], []];
      [n, f].forEach((s, i) => s.on("server-side", (...args) => args[0] === tag && got[i].push(args)));
      assert.equal(await ask(n, "server-side-emit", [tag, { a: [1, null] }, "é"]), "ok");
      await until("the event", () => got[1].length > 0);
      assert.deepEqual(got, [[], [[tag, { a: [1, null] }, "é"]]]);
      const { err, res } = await ask(n, "server-side-ask", [tag, 2]);
      assert.equal(err, null);
      assert.equal(res.length, 1);
      assert.equal(typeof res[0].pid, "number");
      assert.deepEqual(res[0].args, [tag, 2]);
      if (sharded) {
        await ask(n, "server-side-emit", [tag, Buffer.from("binary")]);
        await until("a binary", () => got[1].length > 1);
        assert.deepEqual(got[1][1], [tag, Buffer.from("binary")]);
      }
      n.close();
      f.close();
    });
  }

  if (sharded) continue; // the emitter and these requests are classic

  test(`${nsp}: the emitter`, async () => {
    const client = createClient({ url: redisURL });
    await client.connect();
    const emitter = new Emitter(client, key ? { key } : {}, nsp);
    const [a, b, c] = await Promise.all([connect(urlA + nsp), connect(urlB + nsp), connect(urlB + nsp, { transport: "polling" })]);
    const [event, r1, r2] = [name("event"), name("r1"), name("r2")];
    const got = [a, b, c].map((s) => collect(s, event));
    await ask(a, "join", r1);
    await ask(b, "join", r1);
    await ask(c, "join", r2);
    const fence = () => Promise.all([a, b, c].map((s) => {
      const done = name("fence");
      const arrived = next(s, done);
      emitter.to(s.id).emit(done);
      return arrived;
    }));
    emitter.emit(event, "all");
    emitter.to(r1).emit(event, "r1");
    emitter.to([r1, r2]).except(b.id).emit(event, "not b");
    emitter.volatile.to(r2).emit(event, "volatile");
    emitter.compress(true).to(r1).emit(event, "compressed");
    await fence();
    assert.deepEqual(got[0], ["all", "r1", "not b", "compressed"]);
    assert.deepEqual(got[1], ["all", "r1", "compressed"]);
    assert.deepEqual(got[2].filter((v) => v !== "volatile"), ["all", "not b"]);

    const date = new Date(1790000000123);
    const arrived = Promise.all([next(a, event), next(b, event)]);
    emitter.to([a.id, b.id]).emit(event, ...values, ...binaries, date, undefined, { date });
    for (const args of await arrived) {
      assert.deepEqual(args, [...values, ...binaries, date.toISOString(), null, { date: date.toISOString() }]);
    }

    const rooms = async (s) => (await ask(s, "info")).rooms.filter((r) => r !== s.id && r !== r1 && r !== r2);
    emitter.in(r1).socketsJoin(["x", "y"]);
    emitter.in(c.id).socketsJoin("x");
    emitter.in(r1).except(a.id).socketsLeave("y");
    await fence();
    assert.deepEqual(await Promise.all([a, b, c].map(rooms)), [["x", "y"], ["x"], ["x"]]);

    const side = [a, b].map((s) => next(s, "server-side"));
    emitter.serverSideEmit("ping-all", "from the emitter", { n: 1 });
    for (const args of await Promise.all(side)) assert.deepEqual(args, ["from the emitter", { n: 1 }]);

    const gone = [next(a, "disconnect"), next(b, "disconnect")];
    emitter.in(a.id).disconnectSockets();
    emitter.in(b.id).disconnectSockets(true);
    assert.equal((await gone[0])[0], "io server disconnect");
    assert.match((await gone[1])[0], /io server disconnect|transport close/);
    for (const s of [a, b, c]) s.close();
    client.destroy();
  });

  // Requests that the adapter 8.x answers but no longer sends, and those that only Node's
  // API sends.
  test(`${nsp}: requests by hand`, async () => {
    const client = createClient({ url: redisURL });
    const subscriber = client.duplicate();
    await Promise.all([client.connect(), subscriber.connect()]);
    const prefix = key || "socket.io";
    const answers = [];
    const own = (m) => m[0] === "{" && answers.push(JSON.parse(m));
    await subscriber.subscribe([`${prefix}-response#${nsp}#`, `${prefix}-response#${nsp}#byhand#`], own);
    const [a, b] = await Promise.all([connect(urlA + nsp), connect(urlB + nsp)]);
    const room = name("room");
    await ask(a, "join", room);
    await ask(b, "join", room);
    const request = async (count, body) => {
      const requestId = name("req");
      await client.publish(`${prefix}-request#${nsp}#`, JSON.stringify({ requestId, uid: "byhand", ...body }));
      const mine = () => answers.filter((m) => m.requestId === requestId);
      await until(`answers to ${JSON.stringify(body)}`, () => mine().length >= count);
      return mine();
    };
    const sockets = await request(2, { type: 0, rooms: [room] });
    assert.deepEqual(sockets.flatMap((m) => m.sockets).sort(), ids(a, b));
    const rooms = (await request(2, { type: 1 })).flatMap((m) => m.rooms);
    for (const r of [room, a.id, b.id]) assert.ok(rooms.includes(r), r);
    const empty = await request(2, { type: 5, opts: { rooms: [name("nobody")], except: [] } });
    assert.deepEqual(empty.map((m) => m.sockets), [[], []]);
    for (const s of [a, b]) {
      await request(1, { type: 2, sid: s.id, room: "by hand" });
      assert.ok((await ask(s, "info")).rooms.includes("by hand"));
      await request(1, { type: 3, sid: s.id, room: "by hand" });
      assert.ok(!(await ask(s, "info")).rooms.includes("by hand"));
      const gone = next(s, "disconnect");
      await request(1, { type: 4, sid: s.id, close: false });
      assert.equal((await gone)[0], "io server disconnect");
      s.close();
    }
    client.destroy();
    subscriber.destroy();
  });
}

// ready waits until the servers see each other in both namespaces.
async function ready() {
  redis = createClient({ url: redisURL });
  await redis.connect();
  for (const url of [urlA, urlB]) {
    for (const nsp of ["/", "/custom"]) {
      const s = await connect(url + nsp);
      await until("two servers", async () => (await ask(s, "server-count")) === 2);
      s.close();
    }
  }
}

ready().then(run).finally(() => redis.destroy());

// Checks connection state recovery: a client that reconnects after a broken connection
// keeps its id and rooms and receives the events that it missed. Argument: the URL of a
// server with recovery.
"use strict";
const assert = require("node:assert/strict");
const { transports, versions, test, run, dial, connect, ask, next, collect, until, name } = require("./harness");

const url = process.argv[2];
const reconnecting = { reconnection: true, reconnectionDelay: 300, reconnectionDelayMax: 300, randomizationFactor: 0 };

for (const transport of Object.keys(transports)) {
  test(`${transport}: missed events arrive in order and once`, async () => {
    const [event, room] = [name("event"), name("room")];
    const other = await connect(url);
    const s = await connect(url, { transport });
    const send = (o) => ask(other, "send", { via: "io", event, ...o });
    assert.equal(s.recovered, false);
    const seen = [];
    s.on(event, (...args) => seen.push(args));
    await ask(s, "join", room);
    await send({ room, args: [0] });
    await until("the first", () => seen.length === 1);
    const id = s.id;
    for (let round = 1; round <= 3; round++) {
      s.io.engine.close(); // simulates a broken connection
      await until("the break", async () => !(await ask(other, "fetch-sockets", room)).some((x) => x.id === id));
      await send({ room, args: [round, "missed"] });
      await send({ args: [round, Buffer.from([1, 2, 3]), { deep: [Buffer.from("x")] }] });
      await send({ room: name("elsewhere"), args: [round, "for others"] });
      await send({ except: room, args: [round, "not for the room"] });
      await send({ room: id, args: [round, "for the socket"] });
      await send({ room, volatile: true, args: [round, "volatile, lost"] });
      s.connect();
      await next(s, "connect");
      assert.equal(s.recovered, true);
      assert.equal(s.id, id);
      await send({ room, args: [round, "after"] });
      await until("all of it", () => seen.length === 1 + 4 * round);
    }
    // The last argument is the offset.
    const want = [[0]];
    for (let round = 1; round <= 3; round++) {
      want.push([round, "missed"], [round, Buffer.from([1, 2, 3]), { deep: [Buffer.from("x")] }], [round, "for the socket"], [round, "after"]);
    }
    assert.deepEqual(seen.map((args) => args.slice(0, -1)), want);
    assert.deepEqual((await ask(s, "info")).rooms, [id, room].sort());
    assert.equal((await ask(s, "info")).recovered, true);
    s.close();
    other.close();
  });

  test(`${transport}: a client that was disconnected on purpose gets a new id`, async () => {
    const s = await connect(url, { transport, forceNew: true });
    await ask(s, "message-with-ack", 1);
    const id = s.id;
    const gone = next(s, "disconnect");
    s.emit("kick");
    await gone;
    s.connect();
    await next(s, "connect");
    assert.equal(s.recovered, false);
    assert.notEqual(s.id, id);
    s.close();
  });
}

for (const version of Object.keys(versions).filter((v) => v !== "4")) {
  test(`client ${version} works without support for recovery`, async () => {
    const s = dial(url, { version, ...reconnecting });
    await next(s, "connect");
    const id = s.id;
    s.io.engine.close();
    await next(s, "connect");
    assert.notEqual(s.id, id);
    assert.equal(await ask(s, "message-with-ack", 1), 1);
    s.close();
  });
}

test("an unknown offset", async () => {
  const s = dial(url, { auth: { pid: "x".repeat(20), offset: "nothing" } });
  await next(s, "connect");
  const seen = collect(s, "echo");
  s.emit("echo", 1);
  await until("the echo", () => seen.length === 1);
  s.close();
});

run();

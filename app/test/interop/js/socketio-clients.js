// Checks the behavior that every version of the JavaScript client relies on.
// Argument: the server's URL.
"use strict";
const assert = require("node:assert/strict");
const { versions, transports, test, run, dial, connect, ask, next, collect, until, settled, name } = require("./harness");

const url = process.argv[2];
const unicode = "héllo wörld \u0000 \u2028\u2029 日本語 🏭👩‍🔧 \ud83d\ude00 \"quotes\" \\ \n";

for (const version of Object.keys(versions)) {
  for (const transport of Object.keys(transports)) {
    const options = { version, transport };
    const check = (what, body) => test(`client ${version}, ${transport}: ${what}`, body);

    check("echo, types and transport", async () => {
      const s = await connect(url, options);
      if (transport === "upgrade") await until("upgrade", () => s.io.engine.transport.name === "websocket");
      const { transport: seen, id } = await ask(s, "info");
      assert.equal(seen, transport === "polling" ? "polling" : "websocket");
      assert.equal(id, s.id);
      const args = [1, -1.5, 1e21, "two", true, null, [3, [4]], { five: { six: [] } }, unicode];
      s.emit("message", ...args);
      assert.deepEqual(await next(s, "message-back"), args);
      assert.deepEqual(await ask(s, "message-with-ack", ...args), args);
      assert.deepEqual(await ask(s, "message-with-ack"), []);
      s.close();
    });

    check("binary, both ways", async () => {
      const s = await connect(url, options);
      const big = Buffer.alloc(200_000, 7);
      const args = [Buffer.from([0, 1, 254, 255]), { deep: [big, "x", { buf: Buffer.alloc(0) }] }, 9];
      s.emit("message", ...args);
      const back = await next(s, "message-back");
      assert.deepEqual(back, args);
      const acked = await ask(s, "message-with-ack", ...args);
      assert.deepEqual(acked, args);
      s.on("ask", (payload, ack) => ack(Buffer.concat([payload, Buffer.from("!")]), 2));
      const { err, res } = await ask(s, "server-ask", 20_000, Buffer.from("question"));
      assert.equal(err, null);
      assert.equal(res.length, 2);
      assert.equal(Buffer.from(res[0]).toString(), "question!");
      s.close();
    });

    check("acknowledgements, both ways", async () => {
      const s = await connect(url, options);
      s.on("ask", (payload, ack) => (payload === "silence" ? null : ack("answer", payload)));
      assert.deepEqual(await ask(s, "server-ask", 20_000, { q: 1 }), { err: null, res: ["answer", { q: 1 }] });
      const { err, res } = await ask(s, "server-ask", 50, "silence");
      assert.match(err, /timed? ?out/i);
      assert.deepEqual(res, []);
      const many = await Promise.all(Array.from({ length: 100 }, (_, i) => ask(s, "message-with-ack", i)));
      assert.deepEqual(many, Array.from({ length: 100 }, (_, i) => i));
      s.close();
    });

    check("order of many messages", async () => {
      const s = await connect(url, options);
      const items = collect(s, "blast-item");
      s.emit("blast", 1000);
      await until("all of the blast", () => items.length === 1000);
      assert.deepEqual(items, [...Array(1000).keys()]);
      for (let i = 0; i < 1000; i++) s.emit("seq", i);
      assert.deepEqual(await ask(s, "seq-report"), items);
      s.close();
    });

    check("rooms", async () => {
      const [a, b, c] = await Promise.all([connect(url, options), connect(url, options), connect(url, options)]);
      const [r1, r2, event] = [name("r1"), name("r2 é#*"), name("event")];
      const got = [a, b, c].map((s) => collect(s, event));
      assert.deepEqual(await ask(a, "join", r1), [a.id, r1].sort());
      await ask(b, "join", r1);
      assert.deepEqual(await ask(b, "join", r2), [b.id, r1, r2].sort());
      await ask(c, "join", r2);
      const send = (s, o) => ask(s, "send", { via: "io", event, ...o });
      await send(a, { room: r1, args: ["r1"] });
      await send(a, { room: [r1, r2], args: ["both, once"] });
      await send(a, { room: r1, except: r2, args: ["r1 not r2"] });
      await send(a, { via: "socket", room: [r1, r2], args: ["not the sender"] });
      await send(a, { room: c.id, args: ["one socket"] });
      await send(a, { room: r2, local: true, volatile: false, args: ["local"] });
      assert.deepEqual(await ask(b, "leave", r1), [b.id, r2].sort());
      await send(b, { room: r1, args: ["after leaving"] });
      await settled(a, b, c);
      assert.deepEqual(got, [
        ["r1", "both, once", "r1 not r2", "after leaving"],
        ["r1", "both, once", "not the sender", "local"],
        ["both, once", "not the sender", "one socket", "local"],
      ]);
      for (const s of [a, b, c]) s.on(event + "?", (x, ack) => ack(s === a ? Buffer.from("a") : x));
      const { err, res } = await ask(a, "ask-room", { via: "io", room: [r1, r2], event: event + "?", args: [1], timeout: 20_000 });
      assert.equal(err, null);
      assert.deepEqual(res.map((r) => (typeof r === "number" ? r : Buffer.from(r).toString())).sort(), [1, 1, "a"]);
      for (const s of [a, b, c]) s.close();
    });

    check("namespaces, auth and rejection", async () => {
      const s = await connect(url + "/custom", { ...options, auth: { tag: unicode } });
      const { auth, data, rooms } = await ask(s, "info");
      assert.deepEqual([auth, data, rooms], [{ tag: unicode }, { tag: unicode }, [s.id]]);
      const good = dial(url + "/auth", { ...options, auth: { token: "good", n: 1 } });
      assert.deepEqual(await next(good, "auth"), [{ token: "good", n: 1 }]);
      const bad = dial(url + "/auth", { ...options, auth: { token: "bad" } });
      const [err] = await next(bad, "connect_error");
      assert.equal(err.message, "not authorized");
      assert.deepEqual(err.data, { code: "E_AUTH", retry: false });
      assert.equal(bad.connected, false);
      const [unknown] = await next(dial(url + "/nowhere", options), "connect_error");
      assert.equal(unknown.message, "Invalid namespace");
      for (const x of [s, good, bad]) x.close();
    });

    check("two namespaces on one connection", async () => {
      const main = await connect(url, options);
      const custom = main.io.socket("/custom");
      await next(custom, "connect");
      const event = name("event");
      const got = [collect(main, event), collect(custom, event)];
      await ask(custom, "send", { via: "io", event, args: ["custom only"] });
      await settled(main, custom);
      assert.deepEqual(got, [[], ["custom only"]]);
      const gone = next(custom, "disconnect");
      custom.emit("kick");
      assert.equal((await gone)[0], "io server disconnect");
      assert.equal(await ask(main, "message-with-ack", "still here"), "still here");
      main.close();
    });

    check("disconnection by the server", async () => {
      const s = await connect(url, options);
      const gone = next(s, "disconnect");
      s.emit("kick-close");
      assert.match((await gone)[0], /io server disconnect|transport close/);
      const t = await connect(url, options);
      const closed = next(t, "disconnect");
      t.emit("drop-transport");
      assert.match((await closed)[0], /transport (close|error)/);
    });

    check("payloads up to the limit and over it", async () => {
      const s = await connect(url, options);
      const fits = "x".repeat(990_000);
      assert.equal(await ask(s, "message-with-ack", fits), fits);
      const bytes = Buffer.alloc(transport === "polling" ? 740_000 : 999_990, 1); // base64 while polling
      assert.equal(Buffer.compare(await ask(s, "message-with-ack", bytes), bytes), 0);
      const gone = next(s, "disconnect");
      s.emit("message", "x".repeat(1_000_100));
      assert.match((await gone)[0], /transport (close|error)/);
      const other = await connect(url, options);
      assert.equal(await ask(other, "message-with-ack", 1), 1);
      other.close();
    });

    check("volatile", async () => {
      const s = await connect(url, options);
      const seen = collect(s, "vol");
      const end = next(s, "vol-end");
      s.emit("volatile", 20);
      assert.deepEqual(await end, [20]);
      assert.deepEqual(seen, [...new Set(seen)].sort((x, y) => x - y), "in order and none twice");
      s.close();
    });

    check("the connection outlives several pings", async () => {
      const s = await connect(url, options);
      let lost = null;
      s.on("disconnect", (reason) => (lost = reason));
      await new Promise((resolve) => setTimeout(resolve, 3500));
      assert.equal(lost, null);
      assert.equal(await ask(s, "message-with-ack", 1), 1);
      s.close();
    });
  }
}

run();

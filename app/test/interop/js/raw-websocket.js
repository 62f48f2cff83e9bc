// Checks the example server's /echo, plain Engine.IO and hand-written Socket.IO packets
// with the WebSocket client from npm.
// Argument: the server's URL.
"use strict";
const assert = require("node:assert/strict");
const WebSocket = require("ws");
const { test, run, within, pause } = require("./harness");

const url = process.argv[2].replace(/^http/, "ws");

// open connects and queues the messages that arrive. With pong it answers the pings of
// Engine.IO and does not queue them.
async function open(path, { pong = false, ...options } = {}) {
  const socket = new WebSocket(url + path, options);
  const arrived = [];
  const waiting = [];
  socket.on("message", (data, binary) => {
    const m = binary ? data : data.toString();
    if (pong && m === "2") {
      socket.send("3");
      return;
    }
    if (waiting.length > 0) waiting.shift()(m);
    else arrived.push(m);
  });
  socket.receive = () => within(new Promise((resolve) => {
    if (arrived.length > 0) resolve(arrived.shift());
    else waiting.push(resolve);
  }), "a message");
  socket.closing = new Promise((resolve) => socket.on("close", (code, reason) => resolve([code, reason.toString()])));
  socket.on("error", () => {});
  await within(new Promise((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
    socket.once("unexpected-response", (_, res) => reject(new Error(`status ${res.statusCode}`)));
  }), `open ${path}`);
  return socket;
}

for (const perMessageDeflate of [false, true]) {
  const check = (what, body) => test(`ws, ${perMessageDeflate ? "compression offered" : "plain"}: ${what}`, body);
  const dial = (path, options) => open(path, { perMessageDeflate, ...options });

  check("echo of text and binary, of all lengths", async () => {
    const s = await dial("/echo");
    for (const n of [0, 1, 125, 126, 127, 65535, 65536, 1_000_000]) {
      const text = "é".repeat(n / 2) + "x".repeat(n % 2);
      s.send(text);
      assert.equal(await s.receive(), text, `${n} bytes of text`);
      const bytes = Buffer.alloc(n, n);
      s.send(bytes);
      assert.equal(Buffer.compare(await s.receive(), bytes), 0, `${n} bytes`);
    }
    s.close(4321, "done é");
    assert.equal((await s.closing)[0], 4321);
  });

  check("fragments with a ping between", async () => {
    const s = await dial("/echo");
    const pong = new Promise((resolve) => s.once("pong", (data) => resolve(data.toString())));
    const euro = Buffer.from("€");
    s.send(euro.subarray(0, 1), { fin: false, binary: false });
    s.ping("between");
    s.send(euro.subarray(1, 2), { fin: false, binary: false });
    s.send(euro.subarray(2), { fin: true, binary: false });
    assert.equal(await s.receive(), "€");
    assert.equal(await within(pong, "pong"), "between");
    s.close();
    assert.equal((await s.closing)[0], 1005);
  });

  check("a thousand messages in order", async () => {
    const s = await dial("/echo");
    for (let i = 0; i < 1000; i++) s.send(String(i));
    for (let i = 0; i < 1000; i++) assert.equal(await s.receive(), String(i));
    s.terminate();
  });

  check("invalid UTF-8 ends it with 1007", async () => {
    const s = await dial("/echo");
    s.send(Buffer.from([0x61, 0xff]), { binary: false });
    assert.equal((await within(s.closing, "close"))[0], 1007);
  });

  check("plain Engine.IO", async () => {
    const s = await dial("/engine.io/?EIO=4&transport=websocket");
    const handshake = await s.receive();
    assert.equal(handshake[0], "0");
    const { sid, upgrades, maxPayload } = JSON.parse(handshake.slice(1));
    assert.ok(sid);
    assert.deepEqual(upgrades, []);
    assert.equal(maxPayload, 1_000_000);
    // On a busy machine a ping may arrive first.
    let pings = 0;
    const receive = async () => {
      for (;;) {
        const m = await s.receive();
        if (m !== "2") return m;
        pings++;
        s.send("3");
      }
    };
    s.send("4hello é");
    assert.equal(await receive(), "4hello é");
    s.send(Buffer.from([1, 2]));
    assert.deepEqual(await receive(), Buffer.from([1, 2]));
    if (pings === 0) assert.equal(await s.receive(), "2", "a ping");
    s.send("3");
    s.send("4still here");
    assert.equal(await receive(), "4still here");
    s.send("1");
    await within(s.closing, "close");
  });

  check("Socket.IO by hand", async () => {
    const s = await dial("/socket.io/?EIO=4&transport=websocket", { pong: true });
    await s.receive();
    s.send('40{"x":1}');
    assert.match(await s.receive(), /^40\{"sid":"[^"]+"/);
    assert.equal(await s.receive(), '42["auth",{"x":1}]');
    s.send('421["message-with-ack",1,"é"]');
    assert.equal(await s.receive(), '431[1,"é"]');
    s.send('452-["message",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]');
    s.send(Buffer.from("b"));
    s.send(Buffer.from("a"));
    assert.match(await s.receive(), /^452-\["message-back",/);
    assert.deepEqual([await s.receive(), await s.receive()].map(String).sort(), ["a", "b"]);
    s.send("40/nowhere");
    assert.equal(await s.receive(), '44/nowhere,{"message":"Invalid namespace"}');
    s.send("41");
    await pause(50);
    s.close();
    await s.closing;
  });
}

test("ws: many in parallel", async () => {
  const list = await Promise.all(Array.from({ length: 100 }, () => open("/echo")));
  await Promise.all(list.map(async (s, i) => {
    s.send(`number ${i}`);
    assert.equal(await s.receive(), `number ${i}`);
    s.close();
    await s.closing;
  }));
});

for (const packet of ["9", "4", "4x", '42{"a":1}', '42["message"', "451-[]", "b!", '4999["x"]', "45-1-[]"]) {
  test(`ws: ${packet} ends its own session only`, async () => {
    const [bad, good] = await Promise.all([1, 2].map(() => open("/socket.io/?EIO=4&transport=websocket", { pong: true })));
    for (const s of [bad, good]) {
      await s.receive();
      s.send("40");
      await s.receive();
      await s.receive();
    }
    bad.send(packet);
    await within(bad.closing, "close");
    good.send('421["message-with-ack"]');
    assert.equal(await good.receive(), "431[]");
    good.terminate();
  });
}

run();

// Checks the rules of Engine.IO and Socket.IO as an external conformance suite would, with
// no knowledge of the server except its URL and timeouts. WebSockets queue messages, so
// that an early one is not lost.
// A busy machine may suspend this client for any time, so three servers are used. The first
// sends no ping during a test. The second sends one every 300 ms and has a long ping
// timeout. The third has a ping timeout of 200 ms and a connect timeout of one second; only
// checks of expired timeouts use it.
// Arguments: the URLs of the three servers.
"use strict";
const assert = require("node:assert/strict");
const net = require("node:net");
const WebSocket = require("ws");
const lib = require("./harness");
const { test, run, within, until, pause } = lib;

const [noPings, frequentPings, shortTimeouts] = process.argv.slice(2);
const [interval, timeout] = [300, 200]; // of shortTimeouts

// at returns the URL of a request to a path of a server.
const at = (path, query, url = noPings) => `${url}${path}?${query}`;

// ask makes one HTTP request.
async function ask(path, query, { url, ...options } = {}) {
  const response = await fetch(at(path, query, url), options);
  return { status: response.status, body: await response.text() };
}

// session opens a session on polling.
async function session(path, url) {
  const { status, body } = await ask(path, "EIO=4&transport=polling", { url });
  assert.equal(status, 200);
  assert.equal(body[0], "0");
  const { sid } = JSON.parse(body.slice(1));
  const query = `EIO=4&transport=polling&sid=${sid}`;
  return {
    sid,
    url: at(path, query, url),
    poll: () => ask(path, query, { url }),
    post: (body) => ask(path, query, { url, method: "POST", body }),
  };
}

// dial opens a WebSocket. closed resolves when it ends, even if it was never open.
function dial(path, query, url) {
  const socket = new WebSocket(at(path, query, url).replace(/^http/, "ws"));
  const [arrived, waiting] = [[], []];
  socket.on("message", (data, binary) => {
    const m = binary ? data : data.toString();
    if (waiting.length > 0) waiting.shift()(m);
    else arrived.push(m);
  });
  socket.on("error", () => {});
  const opened = new Promise((resolve) => socket.once("open", resolve));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  return {
    opened: () => within(opened, "open"),
    closed: () => within(closed, "close"),
    send: (...messages) => messages.forEach((m) => socket.send(m)),
    next: () => within(new Promise((resolve) => {
      if (arrived.length > 0) resolve(arrived.shift());
      else waiting.push(resolve);
    }), "a message"),
    end: () => socket.terminate(),
  };
}

// abandon sends a complete poll request and disconnects without reading the response.
const abandon = ({ url }) => within(new Promise((resolve) => {
  const { hostname, port, pathname, search } = new URL(url);
  const socket = net.connect({ host: hostname, port: Number(port) });
  socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`, () => socket.destroy());
  socket.once("close", resolve);
}), "an abandoned poll");

// nextButPing returns the next message other than a ping. It answers pings.
async function nextButPing(socket) {
  for (;;) {
    const m = await socket.next();
    if (m !== "2") return m;
    socket.send("3");
  }
}

// upgraded moves a session from polling to a WebSocket. It returns both once the server has
// sent a message on the WebSocket.
async function upgraded(path, { wait = true } = {}) {
  const s = await session(path);
  const w = dial(path, `EIO=4&transport=websocket&sid=${s.sid}`);
  await w.opened();
  w.send("2probe");
  if (wait) assert.equal(await w.next(), "3probe");
  w.send("5", path === "/engine.io/" ? "4there" : "40");
  if (!wait) assert.equal(await w.next(), "3probe");
  assert.match(await nextButPing(w), path === "/engine.io/" ? /^4there$/ : /^40{/);
  return [s, w];
}

const parameters = { pingInterval: 3_600_000, pingTimeout: 30_000, maxPayload: 1000000 };

for (const path of ["/engine.io/", "/socket.io/"]) {
  const check = (what, body) => test(`${path}: ${what}`, body);

  check("handshake on polling", async () => {
    const { status, body } = await ask(path, "EIO=4&transport=polling");
    assert.equal(status, 200);
    const { sid, ...rest } = JSON.parse(body.slice(1));
    assert.equal(typeof sid, "string");
    assert.deepEqual(rest, { upgrades: ["websocket"], ...parameters });
  });

  check("handshake on a WebSocket", async () => {
    const w = dial(path, "EIO=4&transport=websocket");
    const m = await w.next();
    assert.equal(m[0], "0");
    const { sid, ...rest } = JSON.parse(m.slice(1));
    assert.equal(typeof sid, "string");
    assert.deepEqual(rest, { upgrades: [], ...parameters });
    w.end();
  });

  for (const query of ["transport=polling", "EIO=abc&transport=polling", "EIO=4", "EIO=4&transport=abc"]) {
    check(`handshake with ${query}`, async () => {
      assert.equal((await ask(path, query)).status, 400);
      await dial(path, query.replace("polling", "websocket")).closed();
    });
  }

  for (const method of ["POST", "PUT"]) {
    check(`handshake by ${method}`, async () => {
      assert.equal((await ask(path, "EIO=4&transport=polling", { method })).status, 400);
    });
  }

  check("pings on polling", async () => {
    const s = await session(path, frequentPings);
    for (let pings = 0; pings < 3;) {
      const { status, body } = await s.poll();
      assert.equal(status, 200);
      for (const packet of body.split("\x1e")) {
        if (packet !== "2") { // a packet of a namespace
          assert.match(path + packet, /^\/socket\.io\/4[02]/);
          continue;
        }
        pings++;
        assert.equal((await s.post("3")).status, 200);
        if (path === "/socket.io/" && pings === 1) assert.equal((await s.post("40")).status, 200);
      }
    }
  });

  check("a pong that is missing ends a session on polling", async () => {
    const s = await session(path, shortTimeouts);
    await pause(interval + timeout);
    assert.equal((await s.poll()).status, 400);
  });

  check("pings on a WebSocket", async () => {
    const w = dial(path, "EIO=4&transport=websocket", frequentPings);
    await w.next();
    for (let i = 0; i < 3; i++) {
      assert.equal(await w.next(), "2");
      w.send("3");
    }
    w.end();
  });

  check("a pong that is missing ends a WebSocket", async () => {
    await dial(path, "EIO=4&transport=websocket", shortTimeouts).closed();
  });

  check("a close packet on polling", async () => {
    const s = await session(path);
    const [poll] = await Promise.all([s.poll(), s.post("1")]);
    assert.deepEqual(poll, { status: 200, body: "6" });
    assert.equal((await s.poll()).status, 400);
  });

  check("a close packet on a WebSocket", async () => {
    const w = dial(path, "EIO=4&transport=websocket");
    await w.next();
    w.send("1");
    await w.closed();
  });

  check("two polls at once", async () => {
    const s = await session(path);
    const [one, other] = await Promise.all([s.poll(), s.poll()]);
    const [first, second] = one.status === 200 ? [one, other] : [other, one]; // in the order in which the server received them
    assert.deepEqual(first, { status: 200, body: "1" });
    assert.equal(second.status, 400);
    assert.equal((await s.poll()).status, 400);
  });

  check("an abandoned poll", async () => {
    const s = await session(path);
    await abandon(s);
    await until("the end of the session", async () => (await s.poll()).status === 400);
  });

  check("upgrade", async () => {
    const s = await session(path);
    const w = dial(path, `EIO=4&transport=websocket&sid=${s.sid}`);
    await w.opened();
    w.send("2probe");
    assert.equal(await w.next(), "3probe");
    assert.deepEqual(await s.poll(), { status: 200, body: "6" });
    w.send("5");
    if (path === "/engine.io/") {
      w.send("4hello");
      assert.equal(await nextButPing(w), "4hello");
    }
    w.end();
  });

  for (const wait of [true, false]) {
    check(`polls after an upgrade, ${wait ? "and before it" : "sent without a wait"}`, async () => {
      const [s, w] = await upgraded(path, { wait });
      assert.equal((await s.poll()).status, 400);
      if (path === "/engine.io/") {
        w.send("4hello");
        assert.equal(await nextButPing(w), "4hello");
      }
      w.end();
    });

    check(`another WebSocket after an upgrade, ${wait ? "in turn" : "at once"}`, async () => {
      const [s, w] = await upgraded(path, { wait });
      await dial(path, `EIO=4&transport=websocket&sid=${s.sid}`).closed();
      if (path === "/engine.io/") {
        w.send("4hello");
        assert.equal(await nextButPing(w), "4hello");
      }
      w.end();
    });
  }
}

for (const payload of ["4hello", "4test1\x1e4test2\x1e4test3", "4hello\x1ebAQIDBA=="]) {
  test(`Engine.IO: ${JSON.stringify(payload)} comes back`, async () => {
    const s = await session("/engine.io/");
    assert.deepEqual(await s.post(payload), { status: 200, body: "ok" });
    assert.deepEqual(await s.poll(), { status: 200, body: payload });
  });
}

test("Engine.IO: no packet ends a session on polling", async () => {
  const s = await session("/engine.io/");
  assert.equal((await s.post("abc")).status, 400);
  assert.equal((await s.poll()).status, 400);
});

test("Engine.IO: messages on a WebSocket", async () => {
  const w = dial("/engine.io/", "EIO=4&transport=websocket");
  await w.next();
  w.send("4hello");
  assert.equal(await nextButPing(w), "4hello");
  w.send(Buffer.from([1, 2, 3, 4]));
  assert.deepEqual(await nextButPing(w), Buffer.from([1, 2, 3, 4]));
  w.send("abc");
  await w.closed();
});

const socketIO = (url) => dial("/socket.io/", "EIO=4&transport=websocket", url);

// joined returns a client that is connected to the main namespace.
async function joined(url) {
  const w = socketIO(url);
  await w.next();
  w.send("40");
  assert.equal((await nextButPing(w)).slice(0, 2), "40");
  assert.equal(await nextButPing(w), '42["auth",{}]');
  return w;
}

for (const [packet, answer, event] of [
  ["40", "40", '42["auth",{}]'],
  ['40{"token":"123"}', "40", '42["auth",{"token":"123"}]'],
  ["40/custom,", "40/custom,", '42/custom,["auth",{}]'],
  ['40/custom,{"token":"abc"}', "40/custom,", '42/custom,["auth",{"token":"abc"}]'],
]) {
  test(`Socket.IO: ${packet}`, async () => {
    const w = socketIO();
    await w.next();
    w.send(packet);
    const m = await nextButPing(w);
    assert.ok(m.startsWith(answer), m);
    const welcome = JSON.parse(m.slice(answer.length));
    assert.deepEqual(Object.keys(welcome), ["sid"]);
    assert.equal(typeof welcome.sid, "string");
    assert.equal(await nextButPing(w), event);
    w.end();
  });
}

// A client that reads one message at a time would lose one that arrives in the same
// segment.
test("Socket.IO: the greeting comes a moment after the welcome", async () => {
  const w = socketIO();
  await w.next();
  for (const nsp of ["", "/custom,"]) {
    const from = performance.now();
    w.send(`40${nsp}`);
    assert.ok((await nextButPing(w)).startsWith(`40${nsp}{`));
    assert.equal(await nextButPing(w), `42${nsp}["auth",{}]`);
    assert.ok(performance.now() - from >= 50, `${performance.now() - from} ms`);
  }
  w.end();
});

test("Socket.IO: an unknown namespace", async () => {
  const w = socketIO();
  await w.next();
  w.send("40/random");
  assert.equal(await nextButPing(w), '44/random,{"message":"Invalid namespace"}');
  w.end();
});

for (const packet of ["4abc", "42{}", '42abc["message-with-ack",1]']) {
  test(`Socket.IO: ${packet} ends the connection`, async () => {
    const [before, after] = [socketIO(), await joined()];
    await before.next();
    before.send(packet);
    after.send(packet);
    await Promise.all([before.closed(), after.closed()]);
  });
}

test("Socket.IO: a client that joins no namespace is closed", async () => {
  const w = socketIO(shortTimeouts);
  await w.next();
  let open = true;
  w.closed().then(() => (open = false));
  for (let pings = 0; open && pings < 20; pings++) {
    if (await Promise.race([w.next(), w.closed()]) === "2") w.send("3");
  }
  await w.closed();
});

test("Socket.IO: a client that leaves the main namespace stays connected", async () => {
  const w = await joined(frequentPings);
  w.send("41");
  assert.equal(await w.next(), "2");
  w.end();
});

test("Socket.IO: leaving one namespace leaves the other", async () => {
  const w = await joined(frequentPings);
  assert.equal(await w.next(), "2");
  w.send("3", "40/custom");
  assert.ok((await nextButPing(w)).startsWith("40/custom,"));
  assert.equal(await nextButPing(w), '42/custom,["auth",{}]');
  w.send("41/custom", '42["message","message to main namespace"]');
  assert.equal(await nextButPing(w), '42["message-back","message to main namespace"]');
  w.end();
});

for (const [sent, got, ...attachments] of [
  ['42["message",1,"2",{"3":[true]}]', '42["message-back",1,"2",{"3":[true]}]'],
  ['42456["message-with-ack",1,"2",{"3":[false]}]', '43456[1,"2",{"3":[false]}]'],
  ['452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
    '452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', [1, 2, 3], [4, 5, 6]],
  ['452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
    '462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', [1, 2, 3], [4, 5, 6]],
]) {
  test(`Socket.IO: ${sent}`, async () => {
    const w = await joined();
    const parts = attachments.map((bytes) => Buffer.from(bytes));
    w.send(sent, ...parts);
    assert.equal(await nextButPing(w), got);
    for (const part of parts) assert.deepEqual(await nextButPing(w), part);
    w.end();
  });
}

run();

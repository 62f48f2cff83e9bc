// Many clients watch one machine while the server's workers are broken,
// replaced and reloaded. Nobody is disconnected, and nobody misses an event.
// The steps work as in reconnect.js. Argument: the server's URL.
"use strict";
const assert = require("node:assert/strict");
const readline = require("node:readline");
const WebSocket = require("ws");
const { versions, transports, connect, ask, until, pause, step, check, finish, name } = require("./harness");

const url = process.argv[2];
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const machine = name("storm");
const room = `machine:${machine}`;

const lost = [];
const wrong = [];
const watchers = [];

// watch checks the numbers of the events that one client gets.
function watch(title) {
  const w = { last: null, value: 0 };
  watchers.push(w);
  return (event, { seq, data }) => {
    if (w.last !== null && seq !== w.last + 1) wrong.push(`${title}: ${seq} after ${w.last}`);
    w.last = seq;
    for (const r of data.readings || []) {
      if (r.value < w.value) wrong.push(`${title}: ${r.value} after ${w.value}`);
      w.value = r.value;
    }
  };
}

async function socketIO(i) {
  const version = Object.keys(versions)[i % 3];
  const transport = Object.keys(transports)[Math.floor(i / 3) % 3];
  const s = await connect(url, { version, transport });
  s.on("disconnect", (reason) => lost.push(`client ${version}, ${transport}: ${reason}`));
  const take = watch(`client ${version}, ${transport}`);
  for (const event of ["snapshot", "telemetry"]) s.on(event, (m) => take(event, m));
  assert.deepEqual(await ask(s, "subscribe", { rooms: [room] }), { ok: true });
}

async function webSocket() {
  const s = new WebSocket(`${url.replace(/^http/, "ws")}/ws`);
  await new Promise((resolve, reject) => s.once("open", resolve).once("error", reject));
  s.on("close", (code) => lost.push(`ws: ${code}`));
  const take = watch("ws");
  s.on("message", (text) => {
    const m = JSON.parse(text);
    if (m.event) take(m.event, m);
  });
  s.send(JSON.stringify({ op: "subscribe", rooms: [room] }));
}

let posted = 0;

// post is tried again where the worker that took it was broken on purpose.
async function post(n) {
  for (;;) {
    try {
      const res = await fetch(`${url}/api/v1/telemetry`, {
        method: "POST", headers: { "content-type": "application/json" },
        body: JSON.stringify({ machine, values: { n } }),
      });
      assert.equal(res.status, 200, await res.text());
      posted = n;
      return;
    } catch (err) {
      lost.push(`telemetry ${n}: ${err}`);
      await pause(50);
    }
  }
}

async function main() {
  await post(1);
  await check({ name: "300 clients subscribe", body: async () => {
    for (let i = 0; i < 200; i += 20) await Promise.all(Array.from({ length: 20 }, (_, k) => socketIO(i + k)));
    await Promise.all(Array.from({ length: 100 }, webSocket));
    await until("all snapshots", () => watchers.every((w) => w.value === 1));
  } });
  let done = false;
  const posting = (async () => {
    for (let n = 2; !done; n++) {
      await post(n);
      await pause(20);
    }
  })();
  for (const fault of ["panic", "goexit", "worker", "panic-stream"]) {
    await check({ name: `faults of kind ${fault}`, body: async () => {
      for (let i = 0; i < 20; i++) {
        await fetch(`${url}/api/faults/${fault}`, { method: "POST" }).then((res) => res.text()).catch(() => {});
        await pause(50);
      }
    } });
  }
  for (let i = 0; i < 3; i++) {
    step("reload");
    await lines.next();
    await pause(500);
  }
  done = true;
  await posting;
  await check({ name: "everybody has seen everything", body: async () => {
    await until("the last reading", () => watchers.every((w) => w.value === posted));
    assert.equal(watchers.length, 300);
    assert.deepEqual(lost.slice(0, 10), [], `${lost.length} lost`);
    assert.deepEqual(wrong.slice(0, 10), [], `${wrong.length} wrong`);
    assert.ok(posted > 50, `${posted} readings are too few to say anything`);
  } });
  finish();
}

main();

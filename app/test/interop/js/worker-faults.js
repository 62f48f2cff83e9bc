// Checks that worker faults and reloads neither disconnect subscribers of a machine nor
// lose events. The steps work as in reconnect.js. Argument: the server's URL.
"use strict";
const assert = require("node:assert/strict");
const readline = require("node:readline");
const WebSocket = require("ws");
const { versions, transports, connect, ask, until, pause, step, check, finish, name } = require("./harness");

const url = process.argv[2];
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const machine = name("machine");
const room = `machine:${machine}`;

const failures = [];
const violations = [];
const watchers = [];

// watch returns a function that checks the sequence numbers of the events of one client.
function watch(title) {
  const w = { last: null, value: 0 };
  watchers.push(w);
  return (event, { seq, data }) => {
    if (w.last !== null && seq !== w.last + 1) violations.push(`${title}: ${seq} after ${w.last}`);
    w.last = seq;
    for (const r of data.readings || []) {
      if (r.value < w.value) violations.push(`${title}: ${r.value} after ${w.value}`);
      w.value = r.value;
    }
  };
}

async function socketIO(i) {
  const version = Object.keys(versions)[i % 3];
  const transport = Object.keys(transports)[Math.floor(i / 3) % 3];
  const s = await connect(url, { version, transport });
  s.on("disconnect", (reason) => failures.push(`client ${version}, ${transport}: ${reason}`));
  const apply = watch(`client ${version}, ${transport}`);
  for (const event of ["snapshot", "telemetry"]) s.on(event, (m) => apply(event, m));
  assert.deepEqual(await ask(s, "subscribe", { rooms: [room] }), { ok: true });
}

async function webSocket() {
  const s = new WebSocket(`${url.replace(/^http/, "ws")}/ws`);
  await new Promise((resolve, reject) => s.once("open", resolve).once("error", reject));
  s.on("close", (code) => failures.push(`ws: ${code}`));
  const apply = watch("ws");
  s.on("message", (text) => {
    const m = JSON.parse(text);
    if (m.event) apply(m.event, m);
  });
  s.send(JSON.stringify({ op: "subscribe", rooms: [room] }));
}

let posted = 0;

// post posts a reading and retries if the request failed.
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
      failures.push(`telemetry ${n}: ${err}`);
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
  await until("enough readings to check", () => posted > 50);
  done = true;
  await posting;
  await check({ name: "every client received every event", body: async () => {
    await until("the last reading", () => watchers.every((w) => w.value === posted));
    assert.equal(watchers.length, 300);
    assert.deepEqual(failures.slice(0, 10), [], `${failures.length} failures`);
    assert.deepEqual(violations.slice(0, 10), [], `${violations.length} violations`);
  } });
  finish();
}

main();

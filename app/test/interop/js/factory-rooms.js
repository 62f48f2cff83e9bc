// What the JavaScript clients see of the plant: the factory's rooms on
// Socket.IO, on plain WebSockets and as Server-Sent Events.
// Arguments: the URL of the server that takes the telemetry, of the one that is
// watched (the same, or another replica), and the keys of a reader and a gate.
"use strict";
const assert = require("node:assert/strict");
const WebSocket = require("ws");
const { versions, transports, test, run, dial, connect, ask, next, until, name } = require("./harness");

const [entry, watched, reader, gate] = process.argv.slice(2);

// post sends telemetry over HTTP.
async function post(machine, values) {
  const res = await fetch(`${entry}/api/v1/telemetry`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${gate}` },
    body: JSON.stringify({ machine, values }),
  });
  assert.equal(res.status, 200, await res.text());
}

// A Feed keeps the events of one room and checks their numbers.
class Feed {
  constructor() {
    this.events = [];
    this.values = [];
    this.wrong = [];
  }

  take(event, { seq, data }) {
    const last = this.events.at(-1);
    if (!last && event !== "snapshot") this.wrong.push(`${event} before the snapshot`);
    if (last && event !== "snapshot" && seq !== last.seq + 1) this.wrong.push(`${seq} after ${last.seq}`);
    this.events.push({ event, seq });
    for (const r of data.readings || []) if (r.metric === "n") this.values.push(r.value);
  }

  // through posts numbers and waits for the last of them.
  async through(machine, count = 30) {
    const from = (this.values.at(-1) || 0) + 1;
    for (let n = from; n < from + count; n++) await post(machine, { n });
    await until(`the last of ${count} readings`, () => this.values.at(-1) === from + count - 1);
    assert.deepEqual(this.wrong, []);
    assert.deepEqual(this.values, [...this.values].sort((a, b) => a - b), "never an older one after a newer one");
  }
}

const token = (key) => ({ auth: { token: key } });

for (const version of Object.keys(versions)) {
  for (const transport of Object.keys(transports)) {
    const options = { version, transport };
    const check = (what, body) => test(`plant, client ${version}, ${transport}: ${what}`, body);

    check("subscribe, watch, unsubscribe", async () => {
      const machine = name(`m-${version}-${transport}`);
      const room = `machine:${machine}`;
      await post(machine, { n: 1 });
      const s = await connect(watched, { ...options, ...token(reader) });
      const feed = new Feed();
      for (const event of ["snapshot", "telemetry"]) s.on(event, (m) => m.room === room && feed.take(event, m));
      assert.deepEqual(await ask(s, "subscribe", { rooms: [room] }), { ok: true });
      await until("the snapshot", () => feed.events.length > 0);
      if (entry === watched) assert.deepEqual(feed.values, [1]);
      await feed.through(machine);
      assert.deepEqual(await ask(s, "unsubscribe", { rooms: [room] }), { ok: true });
      const seen = feed.events.length;
      await post(machine, { n: 1000 });
      assert.deepEqual(await ask(s, "subscribe", { rooms: [room] }), { ok: true });
      await until("another snapshot", () => feed.events.length > seen);
      assert.equal(feed.events[seen].event, "snapshot");
      s.close();
    });

    check("who may do what", async () => {
      for (const auth of [undefined, { token: "wrong" }]) {
        const refused = dial(watched, { ...options, auth });
        const [err] = await next(refused, "connect_error");
        assert.equal(err.message, "unauthorized");
        assert.equal(err.data.kind, "unauthorized");
        refused.close();
      }
      const r = await connect(watched, { ...options, ...token(reader) });
      const denied = await ask(r, "telemetry", { machine: "m", values: { n: 1 } });
      assert.equal(denied.ok, false);
      const nonsense = await ask(r, "subscribe", { rooms: ["nonsense"] });
      assert.equal(nonsense.ok, false);
      assert.equal(nonsense.error.room, "nonsense");
      r.close();
      const g = await connect(watched, { ...options, ...token(gate) });
      const receipt = await ask(g, "telemetry", [{ machine: name("gate"), values: { a: 1, b: 2 } }]);
      assert.deepEqual(receipt, { ok: true, accepted: 2, rejected: 0, errors: [] });
      g.close();
    });
  }
}

test("plant: plain WebSocket", async () => {
  const machine = name("ws");
  await post(machine, { n: 1 });
  const s = new WebSocket(`${watched.replace(/^http/, "ws")}/ws`, { headers: { "x-api-key": reader } });
  const feed = new Feed();
  const answers = [];
  s.on("message", (text) => {
    const m = JSON.parse(text);
    if (m.event) feed.take(m.event, m);
    else answers.push(m);
  });
  await new Promise((resolve, reject) => s.once("open", resolve).once("error", reject));
  s.send(JSON.stringify({ op: "subscribe", id: 1, rooms: [`machine:${machine}`] }));
  await until("the snapshot", () => feed.events.length > 0);
  assert.deepEqual(answers, [{ id: 1, ok: true }]);
  await feed.through(machine);
  s.send(JSON.stringify({ op: "telemetry", id: 2, data: { machine, values: { n: 1 } } }));
  await until("the refusal", () => answers.length === 2);
  assert.equal(answers[1].ok, false);
  s.close();
});

test("plant: Server-Sent Events", async () => {
  const machine = name("sse");
  await post(machine, { n: 1 });
  const abort = new AbortController();
  const res = await fetch(`${watched}/api/v1/stream?rooms=machine:${machine}`, {
    headers: { authorization: `Bearer ${reader}` }, signal: abort.signal,
  });
  assert.equal(res.status, 200);
  assert.match(res.headers.get("content-type"), /^text\/event-stream/);
  const feed = new Feed();
  (async () => {
    let text = "";
    for await (const chunk of res.body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const blocks = text.split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const data = block.split("\n").filter((l) => l.startsWith("data:")).map((l) => l.slice(5).trim()).join("\n");
        if (!data) continue;
        const m = JSON.parse(data);
        feed.take(m.event, m);
      }
    }
  })().catch(() => {});
  await until("the snapshot", () => feed.events.length > 0);
  await feed.through(machine);
  abort.abort();
});

run();

// Checks the factory's rooms on Socket.IO, on plain WebSockets and as Server-Sent Events.
// Arguments: the URL of the server to post to and of the one to subscribe at, which may be
// another replica, and API keys with the roles read and ingest.
"use strict";
const assert = require("node:assert/strict");
const WebSocket = require("ws");
const { versions, transports, test, run, dial, connect, ask, next, until, name } = require("./harness");

const [ingestURL, subscribeURL, readKey, ingestKey] = process.argv.slice(2);

// post sends telemetry over HTTP.
async function post(machine, values) {
  const res = await fetch(`${ingestURL}/api/v1/telemetry`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${ingestKey}` },
    body: JSON.stringify({ machine, values }),
  });
  assert.equal(res.status, 200, await res.text());
}

// A Feed collects the events of one room and checks their sequence numbers.
class Feed {
  constructor() {
    this.events = [];
    this.values = [];
    this.violations = [];
  }

  apply(event, { seq, data }) {
    const last = this.events.at(-1);
    if (!last && event !== "snapshot") this.violations.push(`${event} before the snapshot`);
    if (last && event !== "snapshot" && seq !== last.seq + 1) this.violations.push(`${seq} after ${last.seq}`);
    this.events.push({ event, seq });
    for (const r of data.readings || []) if (r.metric === "n") this.values.push(r.value);
  }

  // through posts readings and waits for the last of them.
  async through(machine, count = 30) {
    const from = (this.values.at(-1) || 0) + 1;
    for (let n = from; n < from + count; n++) await post(machine, { n });
    await until(`the last of ${count} readings`, () => this.values.at(-1) === from + count - 1);
    assert.deepEqual(this.violations, []);
    assert.deepEqual(this.values, [...this.values].sort((a, b) => a - b), "an older value never follows a newer one");
  }
}

const token = (key) => ({ auth: { token: key } });

for (const version of Object.keys(versions)) {
  for (const transport of Object.keys(transports)) {
    const options = { version, transport };
    const check = (what, body) => test(`client ${version}, ${transport}: ${what}`, body);

    check("subscribe, receive, unsubscribe", async () => {
      const machine = name(`m-${version}-${transport}`);
      const room = `machine:${machine}`;
      await post(machine, { n: 1 });
      const s = await connect(subscribeURL, { ...options, ...token(readKey) });
      const feed = new Feed();
      for (const event of ["snapshot", "telemetry"]) s.on(event, (m) => m.room === room && feed.apply(event, m));
      assert.deepEqual(await ask(s, "subscribe", { rooms: [room] }), { ok: true });
      await until("the snapshot", () => feed.events.length > 0);
      if (ingestURL === subscribeURL) assert.deepEqual(feed.values, [1]);
      await feed.through(machine);
      assert.deepEqual(await ask(s, "unsubscribe", { rooms: [room] }), { ok: true });
      const seen = feed.events.length;
      await post(machine, { n: 1000 });
      assert.deepEqual(await ask(s, "subscribe", { rooms: [room] }), { ok: true });
      await until("another snapshot", () => feed.events.length > seen);
      assert.equal(feed.events[seen].event, "snapshot");
      s.close();
    });

    check("access by role", async () => {
      for (const auth of [undefined, { token: "wrong" }]) {
        const refused = dial(subscribeURL, { ...options, auth });
        const [err] = await next(refused, "connect_error");
        assert.equal(err.message, "unauthorized");
        assert.equal(err.data.kind, "unauthorized");
        refused.close();
      }
      const r = await connect(subscribeURL, { ...options, ...token(readKey) });
      const denied = await ask(r, "telemetry", { machine: "m", values: { n: 1 } });
      assert.equal(denied.ok, false);
      const nonsense = await ask(r, "subscribe", { rooms: ["nonsense"] });
      assert.equal(nonsense.ok, false);
      assert.equal(nonsense.error.room, "nonsense");
      r.close();
      const g = await connect(subscribeURL, { ...options, ...token(ingestKey) });
      const receipt = await ask(g, "telemetry", [{ machine: name("ingest"), values: { a: 1, b: 2 } }]);
      assert.deepEqual(receipt, { ok: true, accepted: 2, rejected: 0, errors: [] });
      g.close();
    });
  }
}

test("plain WebSocket", async () => {
  const machine = name("ws");
  await post(machine, { n: 1 });
  const s = new WebSocket(`${subscribeURL.replace(/^http/, "ws")}/ws`, { headers: { "x-api-key": readKey } });
  const feed = new Feed();
  const answers = [];
  s.on("message", (text) => {
    const m = JSON.parse(text);
    if (m.event) feed.apply(m.event, m);
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

test("Server-Sent Events", async () => {
  const machine = name("sse");
  await post(machine, { n: 1 });
  const abort = new AbortController();
  const res = await fetch(`${subscribeURL}/api/v1/stream?rooms=machine:${machine}`, {
    headers: { authorization: `Bearer ${readKey}` }, signal: abort.signal,
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
        feed.apply(m.event, m);
      }
    }
  })().catch(() => {});
  await until("the snapshot", () => feed.events.length > 0);
  await feed.through(machine);
  abort.abort();
});

run();

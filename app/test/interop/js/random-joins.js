// Clients connect, disconnect, join and leave rooms at random. A client that is in a room
// for the whole of a broadcast must receive it once, and one that is outside must not.
// Arguments: the duration in milliseconds, the number of clients, and the servers' URLs.
"use strict";
const assert = require("node:assert/strict");
const { versions, transports, test, run, connect, ask, next, pause, name } = require("./harness");

const [duration, count, ...urls] = [Number(process.argv[2]), Number(process.argv[3]), ...process.argv.slice(4)];
const rooms = Array.from({ length: 20 }, (_, i) => `room ${i}`);
const kinds = Object.keys(versions).flatMap((version) => Object.keys(transports).map((transport) => ({ version, transport })));
const pick = (list) => list[Math.floor(Math.random() * list.length)];

// A Member is one client. in holds the rooms that it has certainly joined. moved counts,
// by room, the beginnings and ends of changes: while it is odd, a change is in progress.
class Member {
  constructor(i) {
    this.options = kinds[i % kinds.length];
    this.url = urls[i % urls.length];
    this.in = new Set();
    this.moved = new Map(rooms.map((r) => [r, 0]));
    this.got = new Map();
  }

  // changing notes the beginning or the end of a change.
  changing(room) {
    this.in.delete(room);
    this.moved.set(room, this.moved.get(room) + 1);
  }

  async connect() {
    this.socket = await connect(this.url, this.options);
    this.socket.on("m", (id) => this.got.set(id, (this.got.get(id) || 0) + 1));
  }

  // flush waits until everything published so far has arrived.
  flush() {
    return Promise.all(publishers.map((p) => fence(p, this.socket)));
  }

  async join(room) {
    this.changing(room);
    await ask(this.socket, "join", room);
    this.changing(room);
    this.in.add(room);
  }

  async leave(room) {
    this.changing(room);
    await this.flush();
    await ask(this.socket, "leave", room);
    this.changing(room);
  }

  async reconnect() {
    for (const r of rooms) this.changing(r);
    await this.flush();
    this.socket.close();
    await this.connect();
    for (const r of rooms) this.changing(r);
  }

  async run() {
    while (!over()) {
      const room = pick(rooms);
      const random = Math.random();
      if (random < 0.1) await this.reconnect();
      else if (this.in.has(room)) await this.leave(room);
      else await this.join(room);
      await pause(Math.random() * 1000);
    }
    await this.flush();
  }
}

// fence waits until everything that the publisher has published so far has arrived at the
// socket, and therefore at its server.
async function fence(publisher, socket) {
  const event = name("fence");
  const arrived = next(socket, event);
  await ask(publisher, "send", { via: "io", room: socket.id, event });
  await arrived;
}

const members = Array.from({ length: count }, (_, i) => new Member(i));
const messages = [];
let publishers = [];
let end = 0;

// over reports whether to stop: at the end of the duration, or later if a busy machine has
// not yet sent enough messages.
const over = () => Date.now() > end && messages.length >= 100;

// publish sends numbered messages and records for each member whether it must receive
// them: 1 yes, 0 no, -1 either, since it joined or left meanwhile.
async function publish(p, server) {
  for (let n = 0; !over(); n++) {
    const id = `${server}-${n}`;
    const room = pick(rooms);
    const before = members.map((m) => [m.in.has(room), m.moved.get(room)]);
    await ask(p, "send", { via: "io", room, event: "m", args: [id] });
    await Promise.all(publishers.filter((other) => other !== p).map((other) => fence(p, other)));
    messages.push({ id, due: members.map((m, i) => (m.moved.get(room) === before[i][1] && before[i][1] % 2 === 0 ? Number(before[i][0]) : -1)) });
    await pause(5);
  }
}

test(`${count} clients for ${duration} ms`, async () => {
  publishers = await Promise.all(urls.map((url) => connect(url)));
  const waiting = [...members];
  await Promise.all(Array.from({ length: 20 }, async () => {
    for (let m = waiting.shift(); m; m = waiting.shift()) await m.connect();
  }));
  end = Date.now() + duration;
  await Promise.all([...members.map((m) => m.run()), ...publishers.map((p, i) => publish(p, i))]);
  await Promise.all(members.map((m) => m.flush()));

  let must = 0;
  let may = 0;
  let delivered = 0;
  const violations = [];
  for (const { id, due } of messages) {
    members.forEach((m, i) => {
      const got = m.got.get(id) || 0;
      delivered += got;
      if (due[i] === 1) must++;
      if (due[i] === -1) may++;
      if (due[i] === -1 ? got > 1 : got !== due[i]) violations.push({ id, client: i, ...m.options, due: due[i], got });
    });
  }
  process.stdout.write(JSON.stringify({ figures: { messages: messages.length, must, may, delivered, violations: violations.length } }) + "\n");
  assert.deepEqual(violations.slice(0, 10), [], `${violations.length} of ${messages.length * count} deliveries violate the rule`);
  assert.ok(must > messages.length, `${must} due of ${messages.length} messages: too few to check anything`);
}, duration + 60_000);

run();

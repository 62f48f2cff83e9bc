// Clients that come, go, join and leave at random, and every message accounted
// for: who was in the room all the while gets it once, who was not gets nothing,
// and nobody gets anything twice.
// Arguments: how many milliseconds, how many clients, and the servers' URLs.
"use strict";
const assert = require("node:assert/strict");
const { versions, transports, test, run, connect, ask, next, pause, name } = require("./harness");

const [duration, count, ...urls] = [Number(process.argv[2]), Number(process.argv[3]), ...process.argv.slice(4)];
const rooms = Array.from({ length: 20 }, (_, i) => `churn ${i}`);
const kinds = Object.keys(versions).flatMap((version) => Object.keys(transports).map((transport) => ({ version, transport })));
const pick = (list) => list[Math.floor(Math.random() * list.length)];

// A member is one client. in has the rooms that it is certainly in; moved
// counts, for each room, how often that began to change or had changed: odd
// means that it is changing.
class Member {
  constructor(i) {
    this.options = kinds[i % kinds.length];
    this.url = urls[i % urls.length];
    this.in = new Set();
    this.moved = new Map(rooms.map((r) => [r, 0]));
    this.got = new Map();
    this.wrong = [];
  }

  move(room) {
    this.in.delete(room);
    this.moved.set(room, this.moved.get(room) + 1);
  }

  async enter() {
    this.socket = await connect(this.url, this.options);
    this.socket.on("m", (id) => this.got.set(id, (this.got.get(id) || 0) + 1));
  }

  // flush waits until all that has been published has arrived here.
  flush() {
    return Promise.all(publishers.map((p) => fence(p, this.socket)));
  }

  async join(room) {
    this.move(room);
    await ask(this.socket, "join", room);
    this.move(room);
    this.in.add(room);
  }

  async leave(room) {
    this.move(room);
    await this.flush();
    await ask(this.socket, "leave", room);
    this.move(room);
  }

  async reenter() {
    for (const r of rooms) this.move(r);
    await this.flush();
    this.socket.close();
    await this.enter();
    for (const r of rooms) this.move(r);
  }

  async live() {
    while (!over()) {
      const room = pick(rooms);
      const dice = Math.random();
      if (dice < 0.1) await this.reenter();
      else if (this.in.has(room)) await this.leave(room);
      else await this.join(room);
      await pause(Math.random() * 1000);
    }
    await this.flush();
  }
}

// fence waits until all that the publisher has published has arrived at the
// socket, and with that at its server.
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

// over ends it: late on a machine that is too busy to send enough in time.
const over = () => Date.now() > end && messages.length >= 100;

// publish sends numbered messages and notes who must and who must not get each.
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
    for (let m = waiting.shift(); m; m = waiting.shift()) await m.enter();
  }));
  end = Date.now() + duration;
  await Promise.all([...members.map((m) => m.live()), ...publishers.map((p, i) => publish(p, i))]);
  await Promise.all(members.map((m) => m.flush()));

  let must = 0;
  let may = 0;
  let delivered = 0;
  const wrong = [];
  for (const { id, due } of messages) {
    members.forEach((m, i) => {
      const got = m.got.get(id) || 0;
      delivered += got;
      if (due[i] === 1) must++;
      if (due[i] === -1) may++;
      if (due[i] === -1 ? got > 1 : got !== due[i]) wrong.push({ id, client: i, ...m.options, due: due[i], got });
    });
  }
  process.stdout.write(JSON.stringify({ figures: { messages: messages.length, must, may, delivered, wrong: wrong.length } }) + "\n");
  assert.deepEqual(wrong.slice(0, 10), [], `${wrong.length} of ${messages.length * count} wrong`);
  assert.ok(must > messages.length, `${must} due of ${messages.length} messages: too few to say anything`);
}, duration + 60_000);

run();

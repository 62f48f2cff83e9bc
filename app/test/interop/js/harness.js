// What the test scripts share: checks that are reported as JSON lines, clients
// that are closed at the end, waiting that ends.
"use strict";

const versions = {
  4: require("socket.io-client").io,
  "4.0": require("socket.io-client-4.0").io,
  3: require("socket.io-client-3").io,
};
const transports = {
  polling: { transports: ["polling"], upgrade: false },
  websocket: { transports: ["websocket"] },
  upgrade: { transports: ["polling", "websocket"] },
};

// patience is how long a check may take on a machine that is very busy.
const patience = 50_000;
const sockets = new Set();
const tests = [];

// report writes one line for the Go side.
const report = (line) => process.stdout.write(JSON.stringify(line) + "\n");

// test adds a check. A script's checks share nothing but the servers.
const test = (name, body, limit) => tests.push({ name, body, limit });

// run runs the checks, several at a time, and ends the process.
async function run() {
  const waiting = [...tests];
  const worker = async () => {
    for (let t = waiting.shift(); t; t = waiting.shift()) await check(t);
  };
  await Promise.all(Array.from({ length: 10 }, worker));
  finish();
}

// finish ends the process. What it writes says that no check was left out.
function finish() {
  report({ done: true, tests: checks });
  process.exit(0);
}

// step tells the Go side that it is its turn.
const step = (what) => report({ step: what });

let checks = 0;

// check runs one check at once and reports it.
async function check({ name, body, limit = patience }) {
  checks++;
  const from = Date.now();
  try {
    await within(body(), name, limit);
    report({ test: name, ok: true, ms: Date.now() - from });
  } catch (err) {
    report({ test: name, ok: false, ms: Date.now() - from, error: String((err && err.stack) || err) });
  }
}

// A check that has failed leaves what it was waiting for.
process.on("unhandledRejection", () => {});

// within rejects if the promise takes too long.
function within(promise, what, ms = patience / 2) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// dial makes a client. Each has a connection of its own.
function dial(url, { version = "4", transport = "websocket", ...options } = {}) {
  const socket = versions[version](url, {
    forceNew: true, reconnection: false, timeout: patience, ...transports[transport], ...options,
  });
  sockets.add(socket);
  return socket;
}

// connect makes a client and waits until it is connected.
async function connect(url, options) {
  const socket = dial(url, options);
  await within(new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  }), `connect to ${url}`);
  return socket;
}

// ask emits an event and waits for the acknowledgement, of which it returns the
// first argument, or all if there are more or fewer.
async function ask(socket, event, ...args) {
  const answer = await within(new Promise((resolve) => {
    socket.emit(event, ...args, (...res) => resolve(res));
  }), `the acknowledgement of ${event}`);
  return answer.length === 1 ? answer[0] : answer;
}

// next waits for an event and returns its arguments.
const next = (socket, event, ms) =>
  within(new Promise((resolve) => socket.once(event, (...args) => resolve(args))), `the event ${event}`, ms);

// collect gathers the first arguments of an event into a list that grows.
function collect(socket, event) {
  const seen = [];
  socket.on(event, (v) => seen.push(v));
  return seen;
}

// until waits until the condition holds.
async function until(what, condition, ms = patience / 2) {
  const end = Date.now() + ms;
  for (;;) {
    if (await condition()) return;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await pause(10);
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// settled waits until everything that was sent to the sockets before has
// arrived: messages keep their order.
const settled = (...list) => Promise.all(list.map((s) => ask(s, "message-with-ack", "settled")));

let names = 0;
// name makes a name that nothing else has, for rooms and events.
const name = (prefix) => `${prefix}-${process.pid}-${++names}`;

module.exports = {
  versions, transports, report, test, run, within, dial, connect, ask, next, collect, until, pause, settled, name,
  step, check, finish,
};

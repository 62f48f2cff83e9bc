// Shared by all scripts: checks that are reported as lines of JSON, clients, and waiting
// with a timeout.
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

// checkTimeout is the timeout of a check in milliseconds. It is long because the machine may
// be busy.
const checkTimeout = 50_000;
const sockets = new Set();
const tests = [];

// report writes one line for the Go test.
const report = (line) => process.stdout.write(JSON.stringify(line) + "\n");

// test adds a check. The checks of a script run concurrently and share only the servers.
const test = (name, body, limit) => tests.push({ name, body, limit });

// run runs the checks, ten at a time, and ends the process.
async function run() {
  const waiting = [...tests];
  const worker = async () => {
    for (let t = waiting.shift(); t; t = waiting.shift()) await check(t);
  };
  await Promise.all(Array.from({ length: 10 }, worker));
  finish();
}

// finish reports the number of checks and ends the process.
function finish() {
  report({ done: true, tests: checks });
  process.exit(0);
}

// step reports that the script waits for the Go test to perform a step.
const step = (what) => report({ step: what });

let checks = 0;

// check runs one check immediately and reports the result.
async function check({ name, body, limit = checkTimeout }) {
  checks++;
  const from = Date.now();
  try {
    await within(body(), name, limit);
    report({ test: name, ok: true, ms: Date.now() - from });
  } catch (err) {
    report({ test: name, ok: false, ms: Date.now() - from, error: String((err && err.stack) || err) });
  }
}

// A failed check leaves promises behind that may be rejected later.
process.on("unhandledRejection", () => {});

// within rejects if the promise is not settled within ms milliseconds.
function within(promise, what, ms = checkTimeout / 2) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// dial creates a client with its own connection.
function dial(url, { version = "4", transport = "websocket", ...options } = {}) {
  const socket = versions[version](url, {
    forceNew: true, reconnection: false, timeout: checkTimeout, ...transports[transport], ...options,
  });
  sockets.add(socket);
  return socket;
}

// connect creates a client and waits until it is connected.
async function connect(url, options) {
  const socket = dial(url, options);
  await within(new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  }), `connect to ${url}`);
  return socket;
}

// ask emits an event and waits for the acknowledgement. It returns its argument, or a
// list of its arguments unless there is exactly one.
async function ask(socket, event, ...args) {
  const answer = await within(new Promise((resolve) => {
    socket.emit(event, ...args, (...res) => resolve(res));
  }), `the acknowledgement of ${event}`);
  return answer.length === 1 ? answer[0] : answer;
}

// next waits for an event and returns its arguments.
const next = (socket, event, ms) =>
  within(new Promise((resolve) => socket.once(event, (...args) => resolve(args))), `the event ${event}`, ms);

// collect returns a list to which the first argument of every later event is appended.
function collect(socket, event) {
  const seen = [];
  socket.on(event, (v) => seen.push(v));
  return seen;
}

// until waits until the condition returns true.
async function until(what, condition, ms = checkTimeout / 2) {
  const end = Date.now() + ms;
  for (;;) {
    if (await condition()) return;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await pause(10);
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// settled waits until everything sent to the sockets before has arrived. This works
// because messages keep their order.
const settled = (...list) => Promise.all(list.map((s) => ask(s, "message-with-ack", "settled")));

let names = 0;
// name returns a unique name for a room, an event or a machine.
// The end marks it off: no name is contained in another one.
const name = (prefix) => `${prefix}-${process.pid}-${++names}.`;

module.exports = {
  versions, transports, report, test, run, within, dial, connect, ask, next, collect, until, pause, settled, name,
  step, check, finish,
};

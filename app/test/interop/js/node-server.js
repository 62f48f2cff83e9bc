// A server on the packages from npm with the namespaces and events of the example server.
// It shares rooms with Go servers, and the scripts can be checked against it.
//
// Environment: PORT, REDIS_URL, REDIS_KEY, RECOVERY, PING_TIMEOUT, REQUESTS_TIMEOUT and
// CONNECT_TIMEOUT in milliseconds, RESPONSE_CHANNELS, SHARDED (a subscription mode).
// It prints "ready" once it listens and is subscribed.
"use strict";
const http = require("node:http");
const { Server } = require("socket.io");
const { createClient, createCluster } = require("redis");
const { createAdapter, createShardedAdapter } = require("@socket.io/redis-adapter");

const list = (v) => (v === undefined || v === null ? [] : Array.isArray(v) ? v : [v]);

// select applies a selection {room, except, local, volatile, timeout}.
function select(target, o = {}) {
  for (const room of list(o.room)) target = target.to(room);
  for (const room of list(o.except)) target = target.except(room);
  if (o.local) target = target.local;
  if (o.volatile) target = target.volatile;
  if (o.timeout) target = target.timeout(o.timeout);
  return target;
}

const rooms = (socket) => [...socket.rooms].sort();
const text = (err) => (err ? err.message || String(err) : null);

function serve(nsp) {
  nsp.on("ping-all", (...args) => nsp.local.emit("server-side", ...args));
  nsp.on("ask-all", (...args) => args.pop()({ pid: process.pid, args }));
  nsp.on("connection", (socket) => {
    const { auth } = socket.handshake;
    socket.data.tag = auth.tag === undefined ? null : auth.tag;
    const seen = [];
    if (socket.handshake.query.bench === "1") socket.join("bench");
    socket.emit("auth", auth);

    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => args.pop()(...args));
    socket.on("no-ack", () => {});
    socket.on("server-ask", (ms, payload, ack) =>
      socket.timeout(ms).emit("ask", payload, (err, ...res) => ack({ err: text(err), res: err ? [] : res })));
    socket.on("join", async (room, ack) => ack((await socket.join(room), rooms(socket))));
    socket.on("leave", async (room, ack) => ack((await socket.leave(room), rooms(socket))));
    socket.on("send", (o, ack) => {
      select(o.via === "socket" ? socket.broadcast : nsp, o).emit(o.event, ...list(o.args));
      ack("sent");
    });
    socket.on("ask-room", (o, ack) =>
      select(o.via === "socket" ? socket.broadcast : nsp, o).emit(o.event, ...list(o.args), (err, res) =>
        ack({ err: text(err), res })));
    socket.on("info", (ack) =>
      ack({
        id: socket.id, rooms: rooms(socket), auth, query: socket.handshake.query, data: socket.data,
        transport: socket.conn.transport.name, recovered: socket.recovered,
      }));
    socket.on("kick", () => socket.disconnect());
    socket.on("kick-close", () => socket.disconnect(true));
    socket.on("drop-transport", () => socket.conn.close());
    socket.on("volatile", (n) => {
      for (let i = 0; i < n; i++) socket.volatile.emit("vol", i);
      socket.emit("vol-end", n);
    });
    socket.on("blast", (n) => {
      for (let i = 0; i < n; i++) socket.emit("blast-item", i);
    });
    socket.on("seq", (i) => seen.push(i));
    socket.on("seq-report", (ack) => ack(seen));
    socket.on("publish", (payload) => nsp.to("bench").emit("msg", payload));
    socket.on("echo", (payload) => socket.emit("echo", payload));

    const remote = (o) => select(nsp, typeof o === "string" ? { room: o } : o || {});
    socket.on("fetch-sockets", async (room, ack) =>
      ack((await remote(room).fetchSockets()).map((s) => ({ id: s.id, rooms: [...s.rooms].sort(), data: s.data, auth: s.handshake.auth }))));
    socket.on("server-count", async (ack) => ack(await nsp.adapter.serverCount()));
    socket.on("sockets-join", (o, room, ack) => ack((remote(o).socketsJoin(room), "ok")));
    socket.on("sockets-leave", (o, room, ack) => ack((remote(o).socketsLeave(room), "ok")));
    socket.on("disconnect-sockets", (o, close, ack) => ack((remote(o).disconnectSockets(close), "ok")));
    socket.on("server-side-emit", (args, ack) => ack((nsp.serverSideEmit("ping-all", ...args), "ok")));
    socket.on("server-side-ask", (args, ack) =>
      nsp.serverSideEmit("ask-all", ...args, (err, res) => ack({ err: text(err), res })));
    // Not in the example server: responses to rarely used requests of the adapter.
    socket.on("all-rooms", async (ack) => ack([...(await nsp.adapter.allRooms())].sort()));
  });
}

async function main() {
  const server = http.createServer();
  const options = {
    cors: { origin: "*" }, pingInterval: 1000, maxHttpBufferSize: 1e6,
  };
  options.pingTimeout = Number(process.env.PING_TIMEOUT || 1000);
  options.connectTimeout = Number(process.env.CONNECT_TIMEOUT || 1000);
  if (process.env.RECOVERY === "1") options.connectionStateRecovery = { maxDisconnectionDuration: 60_000, skipMiddlewares: true };
  const io = new Server(server, options);
  if (process.env.REDIS_URL) {
    const [, hosts] = process.env.REDIS_URL.split("//");
    const publisher = hosts.includes(",")
      ? createCluster({ rootNodes: hosts.split(",").map((host) => ({ url: `redis://${host}` })), minimizeConnections: false })
      : createClient({ url: process.env.REDIS_URL });
    const subscriber = publisher.duplicate();
    for (const c of [publisher, subscriber]) c.on("error", () => {});
    await Promise.all([publisher.connect(), subscriber.connect()]);
    const { SHARDED: subscriptionMode, REDIS_KEY: channelPrefix = "socket.io" } = process.env;
    io.adapter(subscriptionMode ? createShardedAdapter(publisher, subscriber, { channelPrefix, subscriptionMode }) : createAdapter(publisher, subscriber, {
      key: process.env.REDIS_KEY || undefined, requestsTimeout: Number(process.env.REQUESTS_TIMEOUT || 2000),
      publishOnSpecificResponseChannel: process.env.RESPONSE_CHANNELS === "1",
    }));
    process.on("SIGTERM", () => process.exit(0));
  }
  io.of("/auth").use((socket, next) => {
    if (socket.handshake.auth.token === "good") return next();
    const err = new Error("not authorized");
    err.data = { code: "E_AUTH", retry: false };
    next(err);
  });
  for (const name of ["/", "/custom", "/auth"]) serve(io.of(name));
  server.listen(Number(process.env.PORT), "127.0.0.1", () => process.stdout.write("ready\n"));
}

main();

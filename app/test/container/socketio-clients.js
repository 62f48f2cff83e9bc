// Socket.IO clients that subscribe to everything, and again after each
// reconnect; every change is a line of JSON. Arguments: URL, key, how many.
"use strict";
const path = require("node:path");
const { createRequire } = require("node:module");
const { io } = createRequire(path.join(__dirname, "../interop/package.json"))("socket.io-client");

const [url, token, count] = process.argv.slice(2);
for (let i = 0; i < Number(count); i++) {
  const transport = i % 2 === 0 ? "polling" : "websocket";
  const state = { client: `${transport} ${i}`, connected: false, connects: 0, subscribed: 0, events: 0, reason: "" };
  const tell = () => console.log(JSON.stringify(state));
  const socket = io(url, {
    transports: [transport], auth: token ? { token } : {}, forceNew: true,
    reconnectionDelay: 100, reconnectionDelayMax: 500, timeout: 5000,
  });
  socket.on("connect", () => {
    state.connected = true;
    state.connects++;
    tell();
    socket.emit("subscribe", { rooms: ["all"] }, () => {
      state.subscribed++;
      tell();
    });
  });
  socket.on("connect_error", (err) => {
    state.reason = String(err.message);
    tell();
  });
  socket.on("disconnect", (reason) => {
    state.connected = false;
    state.reason = reason;
    tell();
  });
  socket.onAny(() => {
    state.events++;
    if (state.events % 20 === 1) tell();
  });
}

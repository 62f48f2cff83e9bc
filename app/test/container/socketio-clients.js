// Runs Socket.IO clients that subscribe to the room all after each connect, and prints
// every change of a client's state as a line of JSON. Arguments: the server's URL, the API
// key and the number of clients.
"use strict";
const path = require("node:path");
const { createRequire } = require("node:module");
const { io } = createRequire(path.join(__dirname, "../interop/package.json"))("socket.io-client");

const [url, token, count] = process.argv.slice(2);
for (let i = 0; i < Number(count); i++) {
  const transport = i % 2 === 0 ? "polling" : "websocket";
  const state = { client: `${transport} ${i}`, connected: false, connects: 0, subscribed: 0, events: 0, reason: "" };
  const print = () => console.log(JSON.stringify(state));
  const socket = io(url, {
    transports: [transport], auth: token ? { token } : {}, forceNew: true,
    reconnectionDelay: 100, reconnectionDelayMax: 500, timeout: 5000,
  });
  socket.on("connect", () => {
    state.connected = true;
    state.connects++;
    print();
    socket.emit("subscribe", { rooms: ["all"] }, () => {
      state.subscribed++;
      print();
    });
  });
  socket.on("connect_error", (err) => {
    state.reason = String(err.message);
    print();
  });
  socket.on("disconnect", (reason) => {
    state.connected = false;
    state.reason = reason;
    print();
  });
  socket.onAny(() => {
    state.events++;
    if (state.events % 20 === 1) print();
  });
}

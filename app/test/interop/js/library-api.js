// Checks the parts of the library's API that the example server does not use.
// Argument: the URL of the test's server.
"use strict";
const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const WebSocket = require("ws");
const { versions, transports, test, run, within, connect, ask, next, collect, until, name } = require("./harness");

const url = process.argv[2];
const journal = (s, who) => ask(s, "journal", who);

for (const version of Object.keys(versions)) {
  for (const transport of Object.keys(transports)) {
    const options = { version, transport };
    const check = (what, body) => test(`api, client ${version}, ${transport}: ${what}`, body);

    check("namespaces of a pattern", async () => {
      const main = await connect(url, options);
      const [one, two] = [name(`/line-${version}-${transport}`), name(`/line-${version}-${transport}`)];
      const [a, b, c] = [one, one, two].map((nsp) => main.io.socket(nsp));
      assert.equal(a, b, "a client has one socket of a namespace");
      assert.deepEqual(await next(c, "hello"), [two]);
      const other = await connect(url + one, options);
      const called = [a, c, other].map((s) => collect(s, "called"));
      const token = name("call"); // other checks call everybody, too
      await ask(other, "call", token);
      await until("both are called", () => called[0].includes(token) && called[1].includes(token));
      assert.ok(!called[2].includes(token));
      assert.deepEqual(await journal(main, `namespace ${one}`), ["made"]);
      assert.ok((await ask(main, "lines")).includes(one));
      other.close();
      a.disconnect();
      await until("the namespace is gone", async () => !(await ask(main, "lines")).includes(one));
      assert.ok((await ask(main, "lines")).includes(two));
      a.connect();
      assert.deepEqual(await next(a, "hello"), [one]);
      assert.deepEqual(await journal(main, `namespace ${one}`), ["made", "made"]);
      const unknown = main.io.socket("/nowhere");
      assert.equal((await next(unknown, "connect_error"))[0].message, "Invalid namespace");
      main.io.engine.close();
    });

    check("middlewares for events", async () => {
      const s = await connect(url, options);
      const handled = collect(s, "handled");
      const refused = next(s, "refused");
      assert.equal(await ask(s, "forbidden"), "no");
      assert.deepEqual(await refused, ["it is forbidden"]);
      s.emit("once");
      s.emit("once");
      const seen = (await journal(s, `in ${s.id}`)).join(" ");
      assert.equal(seen, "first forbidden first once first once first journal");
      assert.deepEqual(handled, [1]);
      const sent = await journal(s, `out ${s.id}`);
      assert.deepEqual(sent.filter((event) => !event.startsWith("upgraded")), ['refused["it is forbidden"]', "handled[1]"]);
      s.close();
    });

    check("what happens to rooms", async () => {
      const [s, other] = await Promise.all([connect(url, options), connect(url, options)]);
      const room = name("room é");
      await ask(s, "join", room);
      await ask(other, "join", room);
      await ask(s, "leave", room);
      const { id } = other;
      other.close();
      await until("it has left", async () => (await journal(s, `end of ${id}`)).length > 0);
      assert.deepEqual(await journal(s, room), ["create", `join ${s.id}`, `join ${id}`, `leave ${s.id}`, `leave ${id}`, "delete"]);
      assert.deepEqual(await journal(s, id), ["create", `join ${id}`, `leave ${id}`, "delete"]);
      s.close();
    });
  }

  test(`api, client ${version}: an upgrade is told`, async () => {
    const s = await connect(url, { version, transport: "upgrade" });
    // The event may arrive before the listener is added.
    await until("the upgrade", async () => (await journal(s, `out ${s.id}`)).includes('upgraded["websocket"]'));
    s.close();
  });

  test(`api, client ${version}: a process that dies while it polls is missed at once`, async () => {
    const packages = { 4: "socket.io-client", "4.0": "socket.io-client-4.0", 3: "socket.io-client-3" };
    const child = spawn(process.execPath, ["-e", `
      const s = require(${JSON.stringify(packages[version])}).io(${JSON.stringify(url)}, { transports: ["polling"] });
      s.on("connect", () => s.emit("join", "room", () => console.log(s.id)));
    `], { cwd: __dirname, stdio: ["ignore", "pipe", "inherit"] });
    const id = String(await within(new Promise((resolve) => child.stdout.once("data", resolve)), "its connection")).trim();
    const s = await connect(url, { version });
    await until("its poll", () => ask(s, "waits", id));
    child.kill("SIGKILL");
    await until("its end", async () => (await journal(s, `end of ${id}`)).length > 0);
    assert.deepEqual(await journal(s, `end of ${id}`), ["transport error"]);
    s.close();
  });
}

test("api: messages are compressed, or not, as they are sent", async () => {
  const s = new WebSocket(`${url.replace(/^http/, "ws")}/socket.io/?EIO=4&transport=websocket`);
  const arrived = [];
  s.on("message", (data) => arrived.push(data.toString()));
  const message = async (begin) => {
    await until(begin, () => arrived.some((m) => m.startsWith(begin)));
    arrived.length = 0;
  };
  await message("0{");
  s.send("40");
  await message("40{");
  const bytes = {};
  for (const on of [true, false]) {
    const before = s._socket.bytesRead;
    s.send(`42["big",${on}]`);
    await message('42["big",');
    bytes[on] = s._socket.bytesRead - before;
  }
  assert.ok(bytes.true < 10_000 && bytes.false > 50_000, JSON.stringify(bytes));
  s.terminate();
});

run();

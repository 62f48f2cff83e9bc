// What the tests share: servers, a plant, browsers, and a cable that can be cut.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const TIMEOUT = 30_000;
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const screenshots = process.env.SCREENSHOTS;

/** A server in a process of its own. It can be killed and started again on its port. */
export class Server {
  static async start(env = {}) {
    const s = new Server();
    s.directory = mkdtempSync(join(tmpdir(), "page-"));
    s.env = env;
    s.port = 0;
    await s.run();
    return s;
  }
  async run() {
    this.child = spawn(process.env.BINARY, {
      env: {
        PATH: process.env.PATH, DATA_DIR: this.directory, CONTROL_SOCKET: join(this.directory, "control.sock"),
        ADMIN_ADDR: "127.0.0.1:0", HOST: "127.0.0.1", PORT: String(this.port), LOG_FORMAT: "json", ...this.env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.log = "";
    this.ended = new Promise((resolve) => this.child.once("exit", resolve));
    await new Promise((resolve, reject) => {
      const read = (chunk) => {
        this.log += chunk;
        const ready = this.log.split("\n").find((line) => line.includes('"msg":"ready"'));
        if (!ready) return;
        try {
          this.port = Number(JSON.parse(ready).address.split(":").at(-1));
          resolve();
        } catch {
          // the line is not complete yet
        }
      };
      this.child.stdout.on("data", read);
      this.child.stderr.on("data", read);
      this.child.once("exit", (code) => reject(new Error(`the server ended with ${code}:\n${this.log}`)));
    });
    this.url = `http://127.0.0.1:${this.port}`;
  }
  async kill(signal = "SIGKILL") {
    this.child.removeAllListeners("exit");
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill(signal);
    await ended;
  }
  async stop() {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
  /** Sends a request and returns the JSON of the response. */
  async request(method, path, body, headers = {}) {
    const response = await fetch(this.url + path, { method, headers: { "Content-Type": "application/json", ...headers }, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path} = ${response.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }
  /** Stores readings of a machine. */
  send(machine, values, ts = Date.now()) {
    return this.request("POST", "/api/v1/telemetry", { machine, ts, values });
  }
}

const HOUR = 3_600_000;

/** Two lines of three machines with a history of hours, an alarm and a stop without a reason. */
export async function seed(server, headers = {}) {
  const put = (path, body) => server.request("PUT", path, body, headers);
  await put("/api/v1/products/cap-28", { name: "Cap 28 mm", ideal_cycle_s: 1 });
  const machines = ["press-1", "press-2", "oven-1", "mill-1", "mill-2", "washer-1"];
  for (const [i, id] of machines.entries()) {
    await put(`/api/v1/machines/${id}`, {
      name: id.replace("-", " ").replace(/^./, (c) => c.toUpperCase()), site: "dresden", area: "hall-1", line: i < 3 ? "doors" : "frames", ideal_cycle_s: 1,
      signals: { state: { metric: "state", map: { running: "running", fault: "fault", idle: "idle", setup: "setup" } }, good: { metric: "good" }, scrap: { metric: "scrap" } },
    });
    for (const [metric, unit] of [["temperature", "Cel"], ["pressure", "bar"]]) await put(`/api/v1/machines/${id}/metrics/${metric}`, { unit, kind: "gauge" });
  }
  for (const [id, start, end] of [["early", "06:00", "14:00"], ["late", "14:00", "22:00"], ["night", "22:00", "06:00"]]) {
    await put(`/api/v1/shifts/${id}`, { name: id, tz: "Europe/Berlin", days: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], start, end, valid_from: "2020-01-01" });
  }
  await put("/api/v1/alarm-rules/hot", {
    name: "Too hot", scope: {}, metric: "temperature", when: { op: ">", limit: 80, deadband: 2 }, severity: "high",
    cause: "Coolant flow too low", consequence: "Damage of the spindle", response: "Open the coolant valve", time_to_respond: "10 min",
  });
  const now = Date.now();
  for (const [i, machine] of machines.entries()) {
    const readings = [];
    for (let n = 0; n <= 360; n++) {
      const ts = now - (360 - n) * 60_000;
      const state = n > 300 && n < 315 ? "fault" : n > 200 && n < 208 ? "setup" : "running";
      readings.push({ machine, ts, values: { temperature: 60 + 5 * Math.sin(n / 20 + i), pressure: 5 + Math.cos(n / 15), good: n * 50, scrap: n, state } });
    }
    await server.request("POST", "/api/v1/telemetry", readings, headers);
  }
  await server.request("POST", "/api/v1/telemetry", { machine: "press-2", ts: now + 1, values: { temperature: 85.5 } }, headers);
  await eventually("the alarm", async () => (await server.request("GET", "/api/v1/alarms", undefined, headers)).alarms.length === 1);
  return { machines, from: now - 6 * HOUR };
}

/** Waits until a condition holds. */
export async function eventually(what, condition) {
  const end = Date.now() + TIMEOUT;
  while (!(await condition())) {
    if (Date.now() > end) assert.fail(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

let browser;

/** Opens a page and collects what goes wrong in it. */
export async function open(url, { width = 1440, height = 900, scheme = "light", init, clock } = {}) {
  browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, timezoneId: "Europe/Berlin", locale: "en-GB" });
  context.setDefaultTimeout(TIMEOUT);
  const page = await context.newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("console", (m) => m.type() === "error" && !/Failed to load resource|WebSocket connection|ERR_/.test(m.text()) && page.problems.push(m.text()));
  if (init) await page.addInitScript(init);
  if (clock) await page.clock.install();
  await page.goto(url);
  return page;
}

/** Goes to a view of the page without loading it anew. */
export async function go(page, hash) {
  await page.evaluate((h) => (location.hash = h), hash);
}

export async function closeBrowser() {
  await browser?.close();
  browser = undefined;
}

/** Checks a page with axe-core; a finding fails the test. */
export async function checkAccessibility(page, what) {
  await page.evaluate(axeSource);
  const findings = await page.evaluate(async () => (await globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })).violations);
  assert.deepEqual(findings.map((f) => `${what}: ${f.id}: ${f.nodes.slice(0, 3).map((n) => n.html.slice(0, 200)).join(" | ")}`), []);
}

/** Checks that nothing is wider than the screen. */
export async function checkWidth(page, what) {
  const [content, screen] = await page.evaluate(() => [document.scrollingElement.scrollWidth, innerWidth]);
  assert.ok(content <= screen, `${what}: the content is ${content} px wide, the screen ${screen}`);
}

export async function screenshot(page, name) {
  if (!screenshots) return;
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`) });
}

/** A cable between browser and server. When it is cut, bytes get lost and no connection is closed. */
export class Cable {
  static async to(port) {
    const c = new Cable();
    c.cut = false;
    c.sockets = new Set();
    c.server = net.createServer((client) => {
      const upstream = net.connect(port, "127.0.0.1");
      for (const [from, to] of [[client, upstream], [upstream, client]]) {
        c.sockets.add(from);
        from.on("data", (chunk) => !c.cut && to.write(chunk));
        from.on("close", () => !c.cut && to.destroy());
        from.on("error", () => undefined);
      }
    });
    await new Promise((resolve) => c.server.listen(0, "127.0.0.1", resolve));
    c.url = `http://127.0.0.1:${c.server.address().port}`;
    return c;
  }
  close() {
    for (const s of this.sockets) s.destroy();
    this.server.close();
  }
}

// Keys, hostile data, large plants, and replicas.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { checkWidth, closeBrowser, eventually, go, open, screenshot, seed, Server } from "./harness.mjs";

after(closeBrowser);

test("signing in by key offers what the role may do", async () => {
  const server = await Server.start({ API_KEYS: "boss:admin:boss-secret-0123456789,eye:read:eye-secret-0123456789" });
  try {
    await seed(server, { Authorization: "Bearer boss-secret-0123456789" });
    const page = await open(`${server.url}/#/alarms`);
    await page.getByLabel("API key").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByLabel("API key").fill("eye-secret-0123456789");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("Too hot").waitFor();
    assert.equal(await page.getByRole("button", { name: /^Acknowledge/ }).count(), 0, "a reader is offered to acknowledge");
    await go(page, "#/settings/products");
    await page.getByText("needs a key with the role admin").waitFor();
    assert.equal(await page.getByRole("link", { name: "New product" }).count(), 0);
    await page.getByLabel("Menu").click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("API key").fill("boss-secret-0123456789");
    await page.getByRole("button", { name: "Sign in" }).click();
    await go(page, "#/alarms");
    await page.getByRole("button", { name: /^Acknowledge/ }).first().waitFor();
    assert.deepEqual(page.problems, []);
  } finally {
    await server.stop();
  }
});

test("hostile names and numbers break nothing and run nothing", async () => {
  const server = await Server.start();
  try {
    const evil = '<img src=x onerror="window.hacked=1">';
    const names = { evil, rtl: "مضخة 12", long: "W".repeat(128), arrow: "../../?#&%" };
    for (const [id, name] of Object.entries(names)) {
      await server.request("PUT", `/api/v1/machines/${encodeURIComponent(name)}`, { name, site: "s", area: "a", line: evil.replaceAll("/", ""), signals: { state: { metric: "state", map: { x: "fault" } } } });
      await server.request("POST", "/api/v1/telemetry", { machine: name, values: { [evil]: 1e300, ["v".repeat(120)]: -1e-300, state: "x", text: evil } });
      await server.request("POST", `/api/v1/machines/${encodeURIComponent(name)}/events`, { kind: "note", text: `${evil} ${id}` });
    }
    await server.request("PUT", "/api/v1/alarm-rules/evil", { name: evil, scope: {}, metric: evil, when: { op: ">", limit: 1 }, severity: "urgent", cause: evil, response: evil });
    await eventually("the alarms", async () => (await server.request("GET", "/api/v1/alarms")).alarms.length === 4);
    for (const [width, height] of [[390, 844], [1440, 900]]) {
      // The clock of this screen is two minutes slow.
      const page = await open(server.url, { width, height, init: "{ const now = Date.now; Date.now = () => now() - 120000; }" });
      for (const [what, hash] of [["overview", "#/"], ["alarms", "#/alarms"], ["machines", "#/settings"], ...Object.entries(names).map(([id, name]) => [id, `#/machines/${encodeURIComponent(name)}`])]) {
        await go(page, hash);
        await page.locator("main h1, main h2").first().waitFor({ state: "attached" });
        await page.waitForLoadState("networkidle").catch(() => undefined);
        await checkWidth(page, `${what} at ${width}`);
        await screenshot(page, `hostile-${what}-${width}`);
      }
      assert.equal(await page.evaluate(() => window.hacked), undefined);
      await go(page, "#/");
      await page.locator("[data-machine]").first().waitFor();
      assert.equal(await page.locator(".stale").count(), 0, "a wrong clock makes new values look old");
      assert.deepEqual(page.problems, []);
    }
  } finally {
    await server.stop();
  }
});

test("500 machines in one line with as many alarms", async () => {
  const server = await Server.start();
  try {
    const all = Array.from({ length: 500 }, (_, i) => ({ machine: `m-${String(i).padStart(3, "0")}`, ts: Date.now(), values: { temperature: 90 + i / 10, pressure: 5, speed: 100 } }));
    await server.request("POST", "/api/v1/telemetry", all);
    await server.request("PUT", "/api/v1/alarm-rules/hot", { name: "Too hot", scope: {}, metric: "temperature", when: { op: ">", limit: 80 }, severity: "low" });
    await eventually("the alarms", async () => (await server.request("GET", "/api/v1/alarms?limit=1000")).alarms.length === 500);
    const page = await open(server.url);
    await page.locator('[data-machine="m-000"]').getByText("90").first().waitFor();
    await page.locator('[data-machine="m-499"]').scrollIntoViewIfNeeded();
    await page.locator('[data-machine="m-499"]').getByText("139.9").waitFor();
    await go(page, "#/alarms");
    await page.getByText("500 alarms, 500 to acknowledge").waitFor();
    await page.getByRole("button", { name: "Show more of 500" }).click();
    await page.locator("tr[data-alarm]").nth(399).waitFor();
    assert.deepEqual(page.problems, []);
  } finally {
    await server.stop();
  }
});

test("two replicas on one database show the same", async () => {
  const env = { DATABASE_URL: process.env.DATABASE };
  const first = await Server.start(env);
  const second = await Server.start(env);
  try {
    await seed(first);
    const [a, b] = await Promise.all([open(`${first.url}/#/alarms`), open(`${second.url}/#/alarms`)]);
    await b.getByText("Too hot").waitFor();
    await a.getByRole("button", { name: /^Acknowledge/ }).first().click();
    await b.getByText("Active, acknowledged").waitFor();
    await go(b, "#/");
    await b.locator('[data-machine="press-1"]').waitFor();
    await first.send("press-1", { state: "fault" });
    await b.locator('[data-machine="press-1"]').getByText("Fault").waitFor();
  } finally {
    await first.stop();
    await second.stop();
  }
});

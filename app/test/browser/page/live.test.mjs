// What the page does while things change: readings, other people, a server or a cable that fails.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Cable, closeBrowser, eventually, go, open, seed, Server } from "./harness.mjs";

let server;
before(async () => {
  server = await Server.start();
  await seed(server);
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

test("a reading becomes visible", async () => {
  const page = await open(server.url);
  const tile = page.locator('[data-machine="press-1"]');
  await tile.getByText("Running").waitFor();
  await server.send("press-1", { temperature: 66.25 });
  await tile.getByText("66.25").waitFor();
  assert.deepEqual(page.problems, []);
});

test("a state that changes is shown with its shape and word", async () => {
  const page = await open(server.url);
  const tile = page.locator('[data-machine="mill-1"]');
  await tile.getByText("Running").waitFor();
  await server.send("mill-1", { state: "fault" });
  await tile.getByText("Fault").waitFor();
  await tile.locator("svg.fault").waitFor();
});

test("an acknowledgement shows in another browser", async () => {
  const [mine, other] = await Promise.all([open(`${server.url}/#/alarms`), open(`${server.url}/#/alarms`)]);
  const row = (page) => page.locator("tr", { hasText: "Too hot" }).filter({ hasText: "Press 2" });
  await row(other).getByText("Active", { exact: true }).waitFor();
  await row(mine).getByRole("button", { name: /^Acknowledge/ }).click();
  await row(other).getByText("Active, acknowledged").waitFor();
  await row(mine).getByText("Active, acknowledged").waitFor();
});

test("a stop gets its reason", async () => {
  const page = await open(`${server.url}/#/machines/oven-1`);
  await page.locator(".stops li", { hasText: "Fault" }).getByRole("button", { name: "Give a reason" }).click();
  await page.getByLabel("Reason", { exact: true }).fill("Heating element");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".stops").getByText("Heating element").waitFor();
  await go(page, "#/oee?days=1&machine=oven-1");
  await page.locator(".pareto").getByText("Heating element").waitFor();
});

test("charts zoom by wheel and keys, and the address follows", async () => {
  const page = await open(`${server.url}/#/machines/press-1`);
  const plot = page.locator(".u-over").first();
  await plot.waitFor();
  await plot.hover();
  await page.mouse.wheel(0, -300);
  await page.waitForURL(/from=\d+&to=\d+|length=\d+/);
  const before = page.url();
  await page.locator(".charts").focus();
  await page.keyboard.press("ArrowLeft");
  await page.waitForURL((url) => String(url) !== before && /from=\d+/.test(String(url)));
  const csv = await page.getByRole("link", { name: "CSV" }).getAttribute("href");
  const response = await fetch(server.url + csv);
  assert.equal(response.status, 200);
  assert.match(await response.text(), /temperature/);
  await page.keyboard.press("End");
  await page.getByRole("button", { name: "Live", pressed: true }).waitFor();
  assert.deepEqual(page.problems, []);
});

test("settings are changed by a form, and errors name the member", async () => {
  const page = await open(`${server.url}/#/settings/products?new=1`);
  await page.locator("#document-id").fill("cap-38");
  await page.getByLabel("Ideal cycle in seconds").fill("-1");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".field", { hasText: "Ideal cycle" }).locator(".error").waitFor();
  await page.getByLabel("Ideal cycle in seconds").fill("0.4");
  await page.getByRole("button", { name: "Save" }).click();
  await eventually("the product", async () => (await server.request("GET", "/api/v1/products")).products.some((p) => p.id === "cap-38" && p.ideal_cycle_s === 0.4));
  // Somebody else changes it meanwhile.
  await page.getByRole("heading", { name: "cap-38" }).waitFor();
  await server.request("PUT", "/api/v1/products/cap-38", { ideal_cycle_s: 0.5 });
  await page.getByLabel("Ideal cycle in seconds").fill("0.6");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Somebody else has changed this").waitFor();
});

test("a server that is killed and started again is noticed and found", async () => {
  const own = await Server.start();
  try {
    await seed(own);
    const page = await open(own.url);
    await page.locator('[data-machine="press-1"]').getByText("Running").waitFor();
    await own.kill();
    await page.getByText("No connection to the server").waitFor();
    await own.run();
    await own.send("press-1", { temperature: 71.75 });
    await page.getByText("No connection to the server").waitFor({ state: "detached" });
    await page.locator('[data-machine="press-1"]').getByText("71.75").waitFor();
  } finally {
    await own.stop();
  }
});

test("a cable that is cut is noticed, and the snapshot repairs what was missed", async () => {
  const cable = await Cable.to(server.port);
  try {
    const page = await open(cable.url);
    await page.locator('[data-machine="press-1"]').getByText("Running").waitFor();
    cable.cut = true;
    await page.getByText("No connection to the server").waitFor();
    await server.send("press-1", { temperature: 73.5 });
    cable.cut = false;
    await page.getByText("No connection to the server").waitFor({ state: "detached" });
    await page.locator('[data-machine="press-1"]').getByText("73.50").waitFor();
    assert.deepEqual(page.problems, []);
  } finally {
    cable.close();
  }
});

test("a laptop that slept for an hour is up to date again", async () => {
  const page = await open(server.url, { clock: true });
  await page.clock.runFor(2000);
  await page.locator('[data-machine="press-1"]').getByText("Running").waitFor();
  await page.clock.fastForward("01:00:00");
  await server.send("press-1", { temperature: 74.25 });
  await eventually("the reading", async () => {
    await page.clock.runFor(1000);
    return (await page.locator('[data-machine="press-1"]').getByText("74.25").count()) > 0;
  });
  assert.equal(await page.getByText("No connection to the server").count(), 0);
});

test("a new release is announced", async () => {
  const page = await open(server.url, { clock: true });
  await page.clock.runFor(2000);
  await page.locator('[data-machine="press-1"]').waitFor();
  await page.route("**/", (route) => (route.request().method() === "HEAD" ? route.fulfill({ status: 200, headers: { ETag: '"next"' } }) : route.continue()));
  await eventually("the notice", async () => {
    await page.clock.runFor(61_000);
    return (await page.getByText("new release of this page").count()) > 0;
  });
});

test("everything is reached by the keyboard", async () => {
  await server.send("washer-1", { temperature: 90 });
  await eventually("the alarm", async () => (await server.request("GET", "/api/v1/alarms?machine=washer-1")).alarms.length === 1);
  const page = await open(server.url);
  await page.locator('[data-machine="press-1"]').waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "Skip to the content");
  const reach = async (name) => {
    for (let i = 0; i < 80; i++) {
      if (await page.evaluate((n) => (document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent).includes(n), name)) return;
      await page.keyboard.press("Tab");
    }
    assert.fail(`Tab does not reach ${name}`);
  };
  await reach("Alarms");
  await page.keyboard.press("Enter");
  await page.locator("tr", { hasText: "Washer 1" }).waitFor();
  await reach("Acknowledge Too hot of washer-1");
  await page.keyboard.press("Enter");
  await page.locator("tr", { hasText: "Washer 1" }).getByText("Active, acknowledged").waitFor();
});

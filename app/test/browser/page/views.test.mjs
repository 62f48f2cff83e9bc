// Every view, at three sizes, in light and dark, with real content.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { checkAccessibility, checkWidth, closeBrowser, go, open, screenshot, seed, Server } from "./harness.mjs";

let server;
before(async () => {
  server = await Server.start();
  await seed(server);
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

/** The route of each view, and what it must show. */
const views = {
  overview: ["#/", ["Press 1", "doors", "Running", "temperature"]],
  machine: ["#/machines/press-2", ["Press 2", "temperature", "Stops", "Fault", "Too hot"]],
  alarms: ["#/alarms", ["Too hot", "Press 2", "Active", "Acknowledge"]],
  "alarms-history": ["#/alarms/history", ["Too hot"]],
  "alarms-hidden": ["#/alarms/hidden", ["No alarm is hidden"]],
  "alarms-performance": ["#/alarms/performance", ["Most frequent", "By severity"]],
  oee: ["#/oee?days=1", ["Availability", "Effectiveness", "Good production", "Reasons of downtime"]],
  system: ["#/system", ["Workers running", "Store", "Generation"]],
  settings: ["#/settings", ["Machines", "Shifts", "Alarm rules", "Press 1"]],
  shift: ["#/settings/shifts/early", ["Time zone", "Breaks", "Save"]],
  rule: ["#/settings/alarm-rules/hot", ["Severity", "Cause", "Coolant flow too low"]],
  "new-product": ["#/settings/products?new=1", ["Ideal cycle in seconds", "Save"]],
};

/** Whether the view shows a text, or has it in a field. */
const shows = (text) => {
  const main = document.querySelector("main");
  return [main.innerText, ...[...main.querySelectorAll("input, textarea")].map((field) => field.value)].some((shown) => shown.includes(text));
};

for (const [size, width, height] of [["phone", 390, 844], ["desk", 1440, 900], ["wall", 3840, 2160]]) {
  for (const scheme of size === "wall" ? ["light"] : ["light", "dark"]) {
    test(`every view on a ${size} in ${scheme}`, async () => {
      const page = await open(server.url, { width, height, scheme });
      for (const [name, [hash, texts]] of Object.entries(views)) {
        await go(page, hash);
        for (const text of texts) await page.waitForFunction(shows, text);
        await page.waitForLoadState("networkidle").catch(() => undefined);
        await checkWidth(page, `${name} on a ${size}`);
        await screenshot(page, `${name}-${size}-${scheme}`);
        if (size !== "wall") await checkAccessibility(page, `${name} on a ${size} in ${scheme}`);
      }
      assert.deepEqual(page.problems, []);
      await page.context().close();
    });
  }
}

test("the wall screen shows the lines without a pointer", async () => {
  const page = await open(`${server.url}/?wall`, { width: 3840, height: 2160 });
  await page.getByText("Press 1").waitFor();
  await page.getByText("Too hot").waitFor();
  assert.equal(await page.locator("nav").count(), 0);
  await checkWidth(page, "wall");
  assert.ok(await page.evaluate(() => document.scrollingElement.scrollHeight <= innerHeight), "the wall screen scrolls");
  await screenshot(page, "wall-screen");
  await checkAccessibility(page, "wall");
  assert.deepEqual(page.problems, []);
});

test("an empty plant says what to do", async () => {
  const empty = await Server.start();
  try {
    const page = await open(empty.url);
    await page.getByText("smart-factory-backend simulate").waitFor();
    await checkAccessibility(page, "empty plant");
    for (const [hash, text] of [["#/alarms", "No open alarms"], ["#/oee", "OEE"], ["#/settings/products", "There are no products yet"], ["#/machines/nothing", "There is no machine nothing"]]) {
      await go(page, hash);
      await page.getByText(text).first().waitFor();
    }
    // The first reading appears without a reload.
    await go(page, "#/");
    await empty.send("press-9", { temperature: 41 });
    await page.getByText("press-9").waitFor();
    assert.deepEqual(page.problems, []);
  } finally {
    await empty.stop();
  }
});

test("the page of the manual and of the API are one click away", async () => {
  const page = await open(server.url);
  for (const [link, title] of [["Manual", "manual"], ["API reference", "API"]]) {
    await page.getByLabel("Menu").click();
    await page.getByRole("link", { name: link }).click();
    await page.waitForURL(/manual|docs/);
    assert.match(await page.title(), new RegExp(title, "i"));
    await page.goto(server.url);
  }
});

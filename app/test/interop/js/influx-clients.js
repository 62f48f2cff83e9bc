// Writes with the official client of InfluxDB 2 and the usual client of InfluxDB 1, with
// their defaults, and reads with our API. Arguments: the URL, a reader's key, a sender's key.
"use strict";
const assert = require("node:assert/strict");
const { InfluxDB, Point, HttpError } = require("@influxdata/influxdb-client");
const Influx = require("influx");
const { test, run } = require("./harness");

const [url, readerKey, ingestKey] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const begin = 1_700_000_000_000;

// stored returns the points of a metric.
async function stored(machine, metric) {
  const query = new URLSearchParams({ metric, limit: "50000" });
  const response = await fetch(`${url}/api/v1/machines/${machine}/history?${query}`, { headers: { Authorization: `Bearer ${readerKey}` } });
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()).series[0].points;
}

const v1 = (options) => new Influx.InfluxDB({ host: hostname, port: Number(port), database: "plant", username: "any", password: ingestKey, ...options });

test("version 2 writes points in batches of its default size", async () => {
  const write = new InfluxDB({ url, token: ingestKey }).getWriteApi("any", "any", "ms");
  write.useDefaultTags({ machine: "js-2" });
  for (let i = 0; i < 2500; i++) {
    write.writePoint(new Point("press").tag("cavity", "a b,=\"\\x").floatField("temperature", i / 8).intField("strokes", i).booleanField("open", i % 2 === 1)
      .stringField("state", i % 2 ? "RUN" : "STOP").timestamp(begin + i));
  }
  await write.close();
  const label = String.raw`{cavity="a b,=\"\\x"}`;
  assert.deepEqual(await stored("js-2", "press_temperature" + label), Array.from({ length: 2500 }, (_, i) => [begin + i, i / 8]));
  assert.equal((await stored("js-2", "press_strokes" + label)).length, 2500);
  assert.deepEqual((await stored("js-2", "press_open" + label)).slice(0, 2), [[begin, 0], [begin + 1, 1]]);
});

test("version 2 compresses a large batch", async () => {
  const write = new InfluxDB({ url, token: ingestKey }).getWriteApi("any", "any", "s", { gzipThreshold: 100, batchSize: 20_000 });
  for (let i = 0; i < 5000; i++) {
    write.writePoint(new Point("mould").tag("machine", "js-2z").floatField("a", i).floatField("b", i).floatField("c", i).timestamp(1_700_000_000 + i));
  }
  await write.close();
  assert.equal((await stored("js-2z", "mould_c")).length, 5000);
});

test("version 2 reports a rejected line and a wrong token", async () => {
  const fail = async (token, point) => {
    const write = new InfluxDB({ url, token }).getWriteApi("any", "any", "ns", { maxRetries: 0, writeFailed: () => undefined });
    write.writePoint(point);
    await write.close();
  };
  const point = () => new Point("press").tag("machine", "js-2").floatField("a", 1);
  const rejected = await fail(ingestKey, point().timestamp("1700000000")).then(() => assert.fail("no error"), (err) => err);
  assert.ok(rejected instanceof HttpError && rejected.statusCode === 400, rejected);
  assert.match(rejected.body, /write with precision=s/);
  const refused = await fail("nope", point()).then(() => assert.fail("no error"), (err) => err);
  assert.equal(refused.statusCode, 401);
});

test("version 1 looks for its database, creates it and writes", async () => {
  const influx = v1({ schema: [{ measurement: "press", fields: { temperature: Influx.FieldType.FLOAT, strokes: Influx.FieldType.INTEGER }, tags: ["machine", "cavity"] }] });
  const [pong] = await influx.ping(5000);
  assert.deepEqual([pong.online, pong.version], [true, "1.8.10"]);
  if (!(await influx.getDatabaseNames()).includes("other")) await influx.createDatabase("other");
  await influx.writePoints(Array.from({ length: 1000 }, (_, i) => ({
    measurement: "press", tags: { machine: "js-1", cavity: "2" }, fields: { temperature: i / 4, strokes: i }, timestamp: new Date(begin + i),
  })));
  assert.deepEqual(await stored("js-1", 'press_temperature{cavity="2"}'), Array.from({ length: 1000 }, (_, i) => [begin + i, i / 4]));
  await influx.writePoints([{ measurement: "press", tags: { machine: "js-1" }, fields: { temperature: 7 }, timestamp: "1700000000" }], { precision: "s" });
  assert.deepEqual(await stored("js-1", "press_temperature"), [[begin, 7]]);
});

test("version 1 is told what is refused", async () => {
  await assert.rejects(v1().query("select * from press"), /not supported: select \* from press/);
  await assert.rejects(v1({ password: "nope" }).writePoints([{ measurement: "press", tags: { machine: "x" }, fields: { a: 1 } }]), /a valid API key is needed/);
});

run();

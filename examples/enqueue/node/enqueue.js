// Puts jobs into iven-worker in the three ways there are, and waits until each is done.
//
// IVEN_URL      the running service, such as http://127.0.0.1:8787
// IVEN_KEY      a key with the scope `enqueue`, where the service has keys
// IVEN_WORKER   the program `iven-worker`
// MONGODB_URL   the database that the service uses, with its name
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { MongoClient, MongoServerError } from "mongodb";

/** @typedef {import("../../../jobs/types/job.js").Job} Job */

const { IVEN_URL = "http://127.0.0.1:8787", IVEN_KEY, IVEN_WORKER = "iven-worker" } = process.env;
const { MONGODB_URL = "mongodb://127.0.0.1:27017/iven" } = process.env;

/** @type {Job} */
const job = { kind: "sweep", args: {} };

/**
 * Asks the service; its status and JSON.
 *
 * @param {string} path
 * @param {RequestInit} [request]
 */
async function ask(path, request = {}) {
  const headers = new Headers(request.headers);
  if (IVEN_KEY) headers.set("Authorization", `Bearer ${IVEN_KEY}`);
  const answer = await fetch(IVEN_URL + path, { ...request, headers });
  return { status: answer.status, body: await answer.json() };
}

/**
 * Waits until the job is done.
 *
 * @param {string} id
 * @param {string} way
 */
async function done(id, way) {
  for (let looks = 0; looks < 600; looks += 1) {
    const { body } = await ask(`/v1/jobs/${id}`);
    if (body.state === "done") return console.log(`${way}: ${id} done`);
    assert.ok(["new", "scheduled", "ready", "running"].includes(body.state), JSON.stringify(body));
    await wait(100);
  }
  throw new Error(`${way}: ${id} is not done within a minute`);
}

/** Over HTTP. Sent again, because the answer was lost, it is the same job. */
async function overHttp() {
  const request = {
    method: "POST",
    headers: { "Idempotency-Key": randomUUID() },
    body: JSON.stringify({ ...job, uniqueKey: `sweep of ${randomUUID()}` }),
  };
  const first = await ask("/v1/jobs", request);
  const again = await ask("/v1/jobs", request);
  assert.deepEqual([first.status, again.status], [201, 200]);
  assert.equal(first.body._id, again.body._id);
  await done(first.body._id, "http");
}

/**
 * As a plain document, in one transaction with a write of our own: both are there, or neither.
 *
 * @param {MongoClient} client
 */
async function asDocument(client) {
  const [orders, jobs] = [client.db().collection("example_orders"), client.db().collection("jobs")];
  /** @param {boolean} isPaid */
  const order = (isPaid) =>
    client.withSession((session) =>
      session.withTransaction(async () => {
        await orders.insertOne({ isPaid }, { session });
        // Whole, as the queue keeps it.
        const key = `${job.kind}:sweep of ${randomUUID()}`;
        const put = await jobs.insertOne({ ...job, uniqueKey: key, state: "new" }, { session });
        if (!isPaid) throw new Error("not paid");
        return put.insertedId.toHexString();
      }),
    );
  await assert.rejects(order(false), /not paid/);
  assert.equal(await orders.countDocuments({ isPaid: false }), 0);
  await done(await order(true), "document");

  // The server itself refuses what is no job.
  const malformed = jobs.insertOne({ kind: 7, state: "new" });
  await assert.rejects(malformed, (error) => error instanceof MongoServerError && error.code === 121);
}

/** On the command line. */
async function onCommandLine() {
  const words = ["enqueue", job.kind, "--args", JSON.stringify(job.args), "--url", IVEN_URL];
  words.push("--unique-key", `sweep of ${randomUUID()}`);
  if (IVEN_KEY) words.push("--key", IVEN_KEY);
  const { stdout } = await promisify(execFile)(IVEN_WORKER, words);
  await done(JSON.parse(stdout)._id, "command line");
}

const client = await MongoClient.connect(MONGODB_URL);
try {
  await overHttp();
  await asDocument(client);
  await onCommandLine();
} finally {
  await client.close();
}

// BullMQ on jobs that do nothing: all of them wait, then one worker works through them.
//
// usage: node bullmq.js REDIS_PORT JOBS CONCURRENCY; prints one JSON object.

import { Queue, Worker } from "bullmq";

const [port, jobs, concurrency] = process.argv.slice(2).map(Number);
const connection = { host: "127.0.0.1", port, maxRetriesPerRequest: null };
const name = `noop-${process.pid}`;

const queue = new Queue(name, { connection });
for (let first = 0; first < jobs; first += 500) {
  const some = Array.from({ length: Math.min(500, jobs - first) }, (_, n) => ({
    name: "noop",
    data: { n: first + n },
  }));
  await queue.addBulk(some);
}

const [began, before] = [performance.now(), process.cpuUsage()];
let done = 0;
await new Promise((resolve, reject) => {
  const worker = new Worker(name, async () => {}, { connection, concurrency });
  worker.on("completed", () => ++done === jobs && resolve());
  worker.on("failed", reject);
  worker.on("error", reject);
});
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({
  jobsPerSecond: jobs / seconds,
  cpuMicrosPerJob: (user + system) / jobs,
}));
process.exit(0);

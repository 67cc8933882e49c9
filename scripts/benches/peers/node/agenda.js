// Agenda on jobs that do nothing: all of them wait, then one worker works through them.
//
// usage: node agenda.js MONGODB_URL JOBS CONCURRENCY; prints one JSON object.

import { Agenda } from "agenda";
import { MongoBackend } from "@agendajs/mongo-backend";

const [url, jobs, concurrency] = [process.argv[2], ...process.argv.slice(3).map(Number)];

// As quick as it can be: all places for the one kind, and a look every 50 ms.
const agenda = new Agenda({
  backend: new MongoBackend({ address: url }),
  processEvery: 50,
  maxConcurrency: concurrency,
  defaultConcurrency: concurrency,
});
agenda.on("error", (error) => {
  throw error;
});
await agenda.ready;

let done = 0;
let over;
const all = new Promise((resolve) => (over = resolve));
agenda.define("noop", async () => {});
agenda.on("success:noop", () => ++done === jobs && over());
for (let n = 0; n < jobs; n += 1) {
  await agenda.now("noop", { n });
}

const [began, before] = [performance.now(), process.cpuUsage()];
await agenda.start();
await all;
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({
  jobsPerSecond: jobs / seconds,
  cpuMicrosPerJob: (user + system) / jobs,
}));
process.exit(0);

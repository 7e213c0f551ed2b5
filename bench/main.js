/**
 * Measures the built library and its peers, and writes `results/`. With `--only` the results go to files of their own,
 * `partial-…`; with `--again` too, they replace those rows in the last full run. Kills the processes it started when a
 * row fails, when the time limit has passed, and on SIGINT, SIGTERM and SIGHUP.
 *
 *     node main.js [--only warm-call,pick [--again]] [--quick] [--seed 7] [--subject MODULE]
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { endAll } from './lib/child-process.js';
import { Context } from './lib/context.js';
import { rowIdOf } from './lib/former-ids.js';
import { mergeResults } from './lib/merge-results.js';
import { environment, resultsFolder, writeReport } from './lib/report.js';
import { messageWithoutPaths, subjectUrl } from './lib/subject.js';
import { plainTable } from './lib/table.js';
import * as coldBind from './rows/cold-bind.js';
import * as coldCall from './rows/cold-call.js';
import * as failingMajority from './rows/failing-majority.js';
import * as firstPost from './rows/first-post.js';
import * as frozenReplica from './rows/frozen-replica.js';
import * as handshakes from './rows/handshakes.js';
import * as healedReplica from './rows/healed-replica.js';
import * as hostileNeighbour from './rows/hostile-neighbour.js';
import * as importTime from './rows/import.js';
import * as killedReplica from './rows/killed-replica.js';
import * as lists from './rows/lists.js';
import * as lookups from './rows/lookups.js';
import * as pick from './rows/pick.js';
import * as principals from './rows/principals.js';
import * as registrations from './rows/registrations.js';
import * as repeatedFaults from './rows/repeated-faults.js';
import * as replaced from './rows/replaced.js';
import * as securedCall from './rows/secured-call.js';
import * as securedFirstCall from './rows/secured-first-call.js';
import * as securedRegister from './rows/secured-register.js';
import * as securedService from './rows/secured-service.js';
import * as serverMemory from './rows/server-memory.js';
import * as slowReplica from './rows/slow-replica.js';
import * as slowReplicaOfTen from './rows/slow-replica-of-ten.js';
import * as slowRoute from './rows/slow-route.js';
import * as startOnDemand from './rows/start-on-demand.js';
import * as storm from './rows/storm.js';
import * as tickets from './rows/tickets.js';
import * as warmCall from './rows/warm-call.js';
import * as warmFetch from './rows/warm-fetch.js';
import * as warmJson from './rows/warm-json.js';
import * as warmLookup from './rows/warm-lookup.js';
import * as watchDelay from './rows/watch-delay.js';

const rows = [
  warmCall,
  warmJson,
  warmFetch,
  pick,
  warmLookup,
  slowReplica,
  slowReplicaOfTen,
  killedReplica,
  frozenReplica,
  healedReplica,
  lookups,
  registrations,
  watchDelay,
  lists,
  serverMemory,
  hostileNeighbour,
  importTime,
  coldCall,
  startOnDemand,
  slowRoute,
  failingMajority,
  repeatedFaults,
  storm,
  replaced,
  firstPost,
  coldBind,
  securedCall,
  securedService,
  securedFirstCall,
  handshakes,
  tickets,
  securedRegister,
  principals,
];

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    again: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    seed: { type: 'string', default: '7' },
    subject: { type: 'string' },
  },
});
const selected = values.only?.split(',').map(rowIdOf);
const unknown = selected?.filter((id) => !rows.some((row) => row.id === id)) ?? [];
if (unknown.length > 0 || !Number.isSafeInteger(Number(values.seed))) {
  const ids = rows.map((row) => row.id).join(', ');
  console.error(
    unknown.length > 0
      ? `--only must name rows of ${ids}; got ${unknown.join(', ')}`
      : `--seed must be an integer; got ${values.seed}`,
  );
  process.exit(2);
}

try {
  await import(subjectUrl(values.subject));
} catch (error) {
  console.error(`The library must be built first, with npm run build: ${messageWithoutPaths(error)}`);
  process.exit(2);
}

process.on('exit', endAll);
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(signal, () => {
    endAll();
    process.exit(130);
  });
}

const context = new Context({ quick: values.quick, seed: Number(values.seed), subject: values.subject });
const startedAt = performance.now();
const [loadBefore] = loadavg();
const seconds = () => (performance.now() - startedAt) / 1_000;
const limitSeconds = values.quick ? 1_800 : 7_200;
const timeLimit = new Promise((_, reject) => {
  setTimeout(
    () => reject(new Error(`The run must end within ${limitSeconds} s`)),
    limitSeconds * 1_000,
  ).unref();
});
timeLimit.catch(() => undefined);

const results = [];
const failures = [];
for (const row of rows.filter(({ id }) => selected?.includes(id) ?? true)) {
  process.stderr.write(`${row.id}  ${row.title}  (${Math.round(seconds())} s)\n`);
  try {
    const result = await Promise.race([row.run(context), timeLimit]);
    results.push({
      id: row.id,
      title: row.title,
      .../** @type {import('./lib/context.js').RowResult} */ (result),
    });
  } catch (error) {
    failures.push(`${row.id}: ${messageWithoutPaths(error)}`);
    process.stderr.write(`    ${failures.at(-1)}\n`);
    if (seconds() >= limitSeconds) break;
  }
}
endAll();

console.log(
  Object.entries(environment())
    .map(([key, value]) => `${key} ${value}`)
    .join(' · '),
);
console.log(`\n${plainTable(results)}\n`);
for (const failure of failures) console.log(`Not measured: ${failure}`);
const run = { quick: values.quick, seed: context.seed, seconds: seconds(), failures, loadBefore };
if (values.again && selected !== undefined && !values.quick && failures.length === 0) {
  const order = rows.map(({ id }) => id);
  const { rows: allRows, ...previous } = mergeResults(resultsFolder, environment(), order, results);
  writeReport(allRows, { ...run, ...previous, isFull: true });
} else {
  writeReport(results, { ...run, isFull: selected === undefined });
}
process.exit(failures.length > 0 ? 1 : 0);

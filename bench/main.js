/**
 * Measures the built library and its peers, and writes `results/`. With `--only` the results go to files of their own,
 * `partial-…`; with `--again` too, they replace those rows in the last full run. Kills the processes it started when a
 * row fails, when the time limit has passed, and on SIGINT, SIGTERM and SIGHUP.
 *
 *     node main.js [--only P1,P3 [--again]] [--quick] [--seed 7] [--subject MODULE]
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { endAll } from './lib/child-process.js';
import { Context } from './lib/context.js';
import { mergeResults } from './lib/merge-results.js';
import { environment, resultsFolder, writeReport } from './lib/report.js';
import { messageWithoutPaths, subjectUrl } from './lib/subject.js';
import { plainTable } from './lib/table.js';
import * as p1 from './rows/p1.js';
import * as p10 from './rows/p10.js';
import * as p11 from './rows/p11.js';
import * as p12 from './rows/p12.js';
import * as p13 from './rows/p13.js';
import * as p14 from './rows/p14.js';
import * as p15 from './rows/p15.js';
import * as p16 from './rows/p16.js';
import * as p17 from './rows/p17.js';
import * as p18 from './rows/p18.js';
import * as p19 from './rows/p19.js';
import * as p1b from './rows/p1b.js';
import * as p2 from './rows/p2.js';
import * as p20 from './rows/p20.js';
import * as p3 from './rows/p3.js';
import * as p4 from './rows/p4.js';
import * as p5 from './rows/p5.js';
import * as p6 from './rows/p6.js';
import * as p7 from './rows/p7.js';
import * as p8 from './rows/p8.js';
import * as p9 from './rows/p9.js';
import * as coldBind from './rows/cold-bind.js';
import * as firstPost from './rows/first-post.js';
import * as handshakes from './rows/handshakes.js';
import * as principals from './rows/principals.js';
import * as replaced from './rows/replaced.js';
import * as securedCall from './rows/secured-call.js';
import * as securedFirstCall from './rows/secured-first-call.js';
import * as securedRegister from './rows/secured-register.js';
import * as securedService from './rows/secured-service.js';
import * as storm from './rows/storm.js';
import * as tickets from './rows/tickets.js';

const rows = [
  p1,
  p1b,
  p2,
  p3,
  p4,
  p5,
  p6,
  p7,
  p8,
  p9,
  p10,
  p11,
  p12,
  p13,
  p14,
  p15,
  p16,
  p17,
  p18,
  p19,
  p20,
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
const selected = values.only?.toLowerCase().split(',');
const unknown = selected?.filter((id) => !rows.some((row) => row.id.toLowerCase() === id)) ?? [];
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
const limitSeconds = values.quick ? 1_080 : 3_600;
const timeLimit = new Promise((_, reject) => {
  setTimeout(
    () => reject(new Error(`The run must end within ${limitSeconds} s`)),
    limitSeconds * 1_000,
  ).unref();
});
timeLimit.catch(() => undefined);

const results = [];
const failures = [];
for (const row of rows.filter(({ id }) => selected?.includes(id.toLowerCase()) ?? true)) {
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

/**
 * Prints the CPU profile of the bundled server under the load of a row, by function.
 *
 *     node profile-server.js [lookups|registrations|lists] [seconds] [--subject MODULE] [--save FILE]
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Child, endAll } from './lib/child-process.js';
import { Context } from './lib/context.js';
import { rowIdOf } from './lib/former-ids.js';
import { startBundledServer } from './lib/registry-servers.js';
import * as lists from './rows/lists.js';
import * as lookups from './rows/lookups.js';
import * as registrations from './rows/registrations.js';

const { values, positionals } = parseArgs({
  options: { subject: { type: 'string' }, save: { type: 'string' } },
  allowPositionals: true,
});
const rows = { lookups, registrations, lists };
const [row = 'lookups', seconds = '5'] = positionals;
const id = rowIdOf(row);
if (!Object.hasOwn(rows, id)) {
  console.error(`The row must be one of ${Object.keys(rows).join(', ')}; got ${row}`);
  process.exit(2);
}
process.on('exit', endAll);
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(signal, () => process.exit(130));
}

const context = new Context({ quick: true, seed: 7, subject: values.subject });
const server = await startBundledServer(context, { durable: id === 'registrations' });
const generator = new Child('processes/load-generator.js');
await generator.call('prepare', { port: server.port, requests: await rows[id].prepareRequests(server) });
await generator.call('run', { seconds: 2 });
await server.child.call('startProfile');
const { rate, p99 } = await generator.call('run', { seconds: Number(seconds) });
/** @type {import('node:inspector').Profiler.Profile} */
const profile = await server.child.call('stopProfile');
if (values.save !== undefined) writeFileSync(values.save, JSON.stringify(profile));

/** @type {Map<string, number>} */
const hitsByFunction = new Map();
let total = 0;
let idle = 0;
for (const { callFrame, hitCount = 0 } of profile.nodes) {
  const { functionName, url, lineNumber } = callFrame;
  if (functionName === '(idle)') {
    idle += hitCount;
    continue;
  }
  const file = url.replace(/^file:\/\//, '').replace(/^.*?\/(?=([^/]*dist|node_modules)\/)/, '');
  const where = `${functionName || '(anonymous)'} ${file}${url === '' ? '' : `:${lineNumber + 1}`}`;
  hitsByFunction.set(where, (hitsByFunction.get(where) ?? 0) + hitCount);
  total += hitCount;
}
console.log(
  `${Math.round(rate)}/s, p99 ${p99.toFixed(1)} ms; idle ${((100 * idle) / (idle + total)).toFixed(0)} %`,
);
for (const [where, hits] of [...hitsByFunction].sort((a, b) => b[1] - a[1]).slice(0, 45))
  console.log(`${((100 * hits) / total).toFixed(2).padStart(6)} %  ${where}`);
await server.end();
process.exit();

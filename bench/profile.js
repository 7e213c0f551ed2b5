/**
 * Shows where one way of calling spends its time, by function, ours and undici's apart.
 *
 *     node profile.js [way] [concurrency] [servers] [--subject MODULE]       e.g. clerk 64 3, pool 1 1
 */
import { parseArgs } from 'node:util';
import { Child, endAll } from './lib/children.js';
import { Context } from './lib/context.js';
import { ways } from './lib/ways.js';

const { values, positionals } = parseArgs({
  options: { subject: { type: 'string' } },
  allowPositionals: true,
});
const [way = 'clerk', concurrency = '64', servers = '3'] = positionals;
if (!Object.hasOwn(ways, way)) {
  console.error(`No way ${way}; there are ${Object.keys(ways).join(', ')}`);
  process.exit(2);
}
process.on('exit', endAll);
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(signal, () => process.exit(130));
}

const context = new Context({ quick: true, seed: 7, subject: values.subject });
const { origins } = await context.serve(['a', 'b', 'c'].map((replica) => ({ replica })));
const client = new Child('./client.js');
await client.ask('prepare', { way, origins: origins.slice(0, Number(servers)), subject: context.subject });
await client.ask('closed', { calls: 20_000, concurrency: Number(concurrency) });
const calls = Number(concurrency) === 1 ? 20_000 : 60_000;
/** @type {{ where: string, share: number }[]} */
const functions = await client.ask('profile', { calls, concurrency: Number(concurrency) });

const groups = {
  'binding-clerk': ({ where }) => where.includes(' dist/'),
  undici: ({ where }) => where.includes('node_modules/undici/'),
  'everything else': ({ where }) => !where.includes(' dist/') && !where.includes('node_modules/undici/'),
};
for (const [group, belongs] of Object.entries(groups)) {
  const list = functions.filter(belongs);
  const sum = list.reduce((total, { share }) => total + share, 0);
  console.log(`\n${group}: ${(sum * 100).toFixed(1)} % of the time on the CPU`);
  for (const { where, share } of list.slice(0, 15))
    console.log(`  ${(share * 100).toFixed(2).padStart(6)} %  ${where}`);
}
process.exit();

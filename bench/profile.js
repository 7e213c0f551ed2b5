/**
 * Prints the CPU profile of one client by function, separately for binding-clerk and undici.
 *
 *     node profile.js [client] [concurrency] [servers] [--subject MODULE]       e.g. clerk 64 3, pool 1 1, tls-clerk
 */
import { parseArgs } from 'node:util';
import { Child, endAll } from './lib/child-process.js';
import { Context } from './lib/context.js';
import { clients } from './lib/clients.js';
import { startSecuredFleet } from './lib/secured-registry.js';

const { values, positionals } = parseArgs({
  options: { subject: { type: 'string' } },
  allowPositionals: true,
});
const [client = 'clerk', concurrency = '64', servers = '3'] = positionals;
if (!Object.hasOwn(clients, client)) {
  console.error(`The client must be one of ${Object.keys(clients).join(', ')}; got ${client}`);
  process.exit(2);
}
process.on('exit', endAll);
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(signal, () => process.exit(130));
}

const context = new Context({ quick: true, seed: 7, subject: values.subject });
const { origins, secured } = client.startsWith('tls-')
  ? { origins: [], secured: (await startSecuredFleet(context)).client }
  : await context.startReplicas(['a', 'b', 'c'].map((replica) => ({ replica })));
const driver = new Child('processes/client-driver.js');
await driver.call('prepare', {
  client,
  origins: origins.slice(0, Number(servers)),
  subject: context.subject,
  secured,
});
await driver.call('closed', { calls: 20_000, concurrency: Number(concurrency) });
const calls = Number(concurrency) === 1 ? 20_000 : 60_000;
/** @type {{ where: string, share: number }[]} */
const functions = await driver.call('profile', { calls, concurrency: Number(concurrency) });

const groups = {
  'binding-clerk': ({ where }) => where.includes(' dist/'),
  undici: ({ where }) => where.includes('node_modules/undici/'),
  'everything else': ({ where }) => !where.includes(' dist/') && !where.includes('node_modules/undici/'),
};
for (const [group, isInGroup] of Object.entries(groups)) {
  const list = functions.filter(isInGroup);
  const sum = list.reduce((total, { share }) => total + share, 0);
  console.log(`\n${group}: ${(sum * 100).toFixed(1)} % of the CPU time`);
  for (const { where, share } of list.slice(0, 15))
    console.log(`  ${(share * 100).toFixed(2).padStart(6)} %  ${where}`);
}
process.exit();

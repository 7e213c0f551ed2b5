/** First call with a ticket: a new clerk with an identity, beside a new clerk at an unsecured registry. */
import { Child } from '../lib/child-process.js';
import { startBundledServer } from '../lib/registry-servers.js';
import { sendJson } from '../lib/registry-requests.js';
import { startSecuredFleet } from '../lib/secured-registry.js';
import { median, seededRandom, shuffled, spread } from '../lib/statistics.js';
import { ratioText } from '../lib/table.js';

export const id = 'secured-first-call';
export const title = 'first call of a new clerk, with a ticket';

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const registry = await startBundledServer(context);
  const { child: service, origins } = await context.startReplicas([{ replica: 'a' }]);
  const fleet = await startSecuredFleet(context);
  const drivers = {
    secured: new Child('processes/first-call-driver.js'),
    unsecured: new Child('processes/first-call-driver.js'),
  };
  const keys = /** @type {(keyof typeof drivers)[]} */ (Object.keys(drivers));
  try {
    await sendJson(registry.pool, '/v1/register', {
      ...{ name: '/shop/orders', id: 'orders-1', addresses: origins, leaseMs: 3_600_000 },
    });
    const prepared = { client: 'clerk', subject: context.subject };
    const { registryKey, identity } = fleet.client;
    await drivers.unsecured.call('prepare', { ...prepared, origin: registry.origin });
    await drivers.secured.call('prepare', {
      ...{ ...prepared, origin: fleet.registry.origin, proof: { registryKey, identity } },
    });
    for (const key of keys) await drivers[key].call('run', { calls: context.quick ? 50 : 200 });
    /** @type {Record<string, { p50: number[], all: number[] }>} */
    const samples = Object.fromEntries(keys.map((key) => [key, { p50: [], all: [] }]));
    const random = seededRandom(context.seed);
    const [rounds, calls] = context.quick ? [10, 20] : [30, 40];
    for (let round = 0; round < rounds; round++)
      for (const key of shuffled(keys, random)) {
        const times = await drivers[key].call('run', { calls });
        samples[key].p50.push(median(times));
        samples[key].all.push(...times);
      }
    const ms = (/** @type {keyof typeof drivers} */ key) => `${median(samples[key].all).toFixed(1)} ms`;
    const ratio = spread(samples.secured.p50.map((value, i) => value / samples.unsecured.p50[i]));
    return {
      verdicts: [
        {
          what: `first call, median of ${rounds * calls} new clerks`,
          goal: '',
          ours: ms('secured'),
          peers: `unsecured ${ms('unsecured')}`,
          ratio: ratioText(ratio),
          reached: undefined,
        },
      ],
      details: { ...Object.fromEntries(keys.map((key) => [key, spread(samples[key].all)])), ratio },
      notes: [
        'secured-first-call: clerks are new for each call; creating one is not timed. The first call reads the identity file, and makes full handshakes with the registry and the service.',
      ],
    };
  } finally {
    await Promise.all(
      [...Object.values(drivers), service, registry, { end: fleet.end }].map((one) => one.end()),
    );
  }
}

/** Cold bind beside a warm call: the first call to a service over a later one. */
import { Child } from '../lib/child-process.js';
import { startBundledServer } from '../lib/registry-servers.js';
import { sendJson } from '../lib/registry-requests.js';
import { median, spread } from '../lib/statistics.js';
import { ratioText } from '../lib/table.js';

export const id = 'cold-bind';
export const title = 'cold bind beside a warm call';

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const registry = await startBundledServer(context);
  const { child: service, origins } = await context.startReplicas([{ replica: 'a' }]);
  const [newClerks, oneClerk] = [0, 1].map(() => new Child('processes/first-call-driver.js'));
  const [rounds, calls] = context.quick ? [10, 20] : [30, 40];
  const nameOf = (/** @type {number} */ round, /** @type {number} */ i) => `/shop/orders-${round}-${i}`;
  const namesOf = (/** @type {number} */ round) => Array.from({ length: calls }, (_, i) => nameOf(round, i));
  try {
    const register = (/** @type {string} */ name) =>
      sendJson(registry.pool, '/v1/register', {
        name,
        id: 'orders-1',
        addresses: origins,
        leaseMs: 3_600_000,
      });
    await register('/shop/orders');
    // The registry accepts 1,000 registrations of one address. Links need none.
    for (let round = 0; round <= rounds; round++)
      for (const name of namesOf(round))
        await sendJson(registry.pool, '/v1/link', { name, target: '/shop/orders' });
    for (const child of [newClerks, oneClerk])
      await child.call('prepare', { client: 'clerk', origin: registry.origin, subject: context.subject });
    await newClerks.call('run', { calls: 200 });
    await oneClerk.call('runWarm', { names: namesOf(rounds), calls: 20 });
    const ratios = { newClerk: [], newName: [] };
    const all = { newClerk: [], newName: [], warm: [] };
    for (let round = 0; round < rounds; round++) {
      const cold = await newClerks.call('run', { calls });
      const { first, warm } = await oneClerk.call('runWarm', { names: namesOf(round), calls: 20 });
      ratios.newClerk.push(median(cold) / median(warm));
      ratios.newName.push(median(first) / median(warm));
      all.newClerk.push(...cold);
      all.newName.push(...first);
      all.warm.push(...warm);
    }
    const ms = (/** @type {keyof typeof all} */ key) => `${median(all[key]).toFixed(2)} ms`;
    const verdict = (/** @type {'newClerk' | 'newName'} */ key, /** @type {string} */ what) => ({
      what: `${what}, median of ${rounds * calls}`,
      goal: '',
      ours: ms(key),
      peers: `warm call ${ms('warm')}`,
      ratio: ratioText(spread(ratios[key])),
      reached: undefined,
    });
    return {
      verdicts: [
        verdict('newClerk', 'first call of a new clerk'),
        verdict('newName', 'first call to a further name of a warm clerk'),
      ],
      details: {
        ...Object.fromEntries(Object.entries(all).map(([key, values]) => [key, spread(values)])),
        ratios: Object.fromEntries(Object.entries(ratios).map(([key, values]) => [key, spread(values)])),
      },
      notes: [
        'cold-bind: one endpoint, one call at a time. A new clerk opens a connection to the registry and one to the service. A further name is a link; its first call asks the registry over an open connection.',
      ],
    };
  } finally {
    await Promise.all([newClerks, oneClerk, service, registry].map((one) => one.end()));
  }
}

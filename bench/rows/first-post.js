/** First POST: the check of the instance on a new connection, before a request that may run once only. */
import { Child } from '../lib/child-process.js';
import { startBundledServer } from '../lib/registry-servers.js';
import { sendJson } from '../lib/registry-requests.js';
import { median, seededRandom, shuffled, spread } from '../lib/statistics.js';
import { ratioText } from '../lib/table.js';

export const id = 'first-post';
export const title = 'first POST of a new clerk, with the check of the instance';

const names = { checked: '/shop/checked', unchecked: '/shop/unchecked' };

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const registry = await startBundledServer(context);
  const service = new Child('processes/naming-service.js');
  const driver = new Child('processes/first-call-driver.js');
  const keys = /** @type {(keyof typeof names)[]} */ (Object.keys(names));
  try {
    const port = await service.call('listen', { id: 'orders-1', subject: context.subject });
    for (const key of keys)
      await sendJson(registry.pool, '/v1/register', {
        name: names[key],
        id: 'orders-1',
        addresses: [`http://127.0.0.1:${port}`],
        // A client asks only endpoints of other hosts. It dials a stated loopback address of a host that is not its own.
        host: 'elsewhere',
        hostId: 'elsewhere',
        ...(key === 'checked' && { namesInstance: true }),
        leaseMs: 3_600_000,
      });
    await driver.call('prepare', { client: 'clerk', origin: registry.origin, subject: context.subject });
    const post = (/** @type {keyof typeof names} */ key, /** @type {number} */ calls) =>
      driver.call('run', { calls, name: names[key], method: 'POST' });
    for (const key of keys) await post(key, context.quick ? 50 : 200);
    /** @type {Record<string, { p50: number[], all: number[] }>} */
    const samples = Object.fromEntries(keys.map((key) => [key, { p50: [], all: [] }]));
    const random = seededRandom(context.seed);
    const [rounds, calls] = context.quick ? [10, 40] : [30, 80];
    for (let round = 0; round < rounds; round++)
      for (const key of shuffled(keys, random)) {
        const times = await post(key, calls);
        samples[key].p50.push(median(times));
        samples[key].all.push(...times);
      }
    const ratio = spread(samples.checked.p50.map((value, i) => value / samples.unchecked.p50[i]));
    const ms = (/** @type {keyof typeof names} */ key) => `${median(samples[key].all).toFixed(2)} ms`;
    return {
      verdicts: [
        {
          what: `first POST, median of ${rounds * calls} new clerks`,
          goal: '',
          ours: ms('checked'),
          peers: `without the check ${ms('unchecked')}`,
          ratio: ratioText(ratio),
          reached: undefined,
        },
      ],
      details: {
        ...Object.fromEntries(keys.map((key) => [key, spread(samples[key].all)])),
        ratio,
      },
      notes: [
        'first-post: clerks are new for each call; creating one is not timed. The check is one request and one response on the new connection, over loopback here.',
      ],
    };
  } finally {
    await Promise.all([driver, service, registry].map((one) => one.end()));
  }
}

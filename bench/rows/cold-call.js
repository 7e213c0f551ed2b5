/** The first call of a new clerk to a running service. */
import { barPlot } from '../lib/bar-plot.js';
import { Child } from '../lib/child-process.js';
import { startBundledServer } from '../lib/registry-servers.js';
import { sendJson } from '../lib/registry-requests.js';
import { median, quantile, seededRandom, shuffled, spread } from '../lib/statistics.js';
import { ratioText } from '../lib/table.js';

export const id = 'cold-call';
export const title = 'cold bind, first call to a known service';

const titles = {
  clerk: 'new clerk, bind and json',
  request: 'two undici requests, hand-written',
  fetch: 'two undici fetches, hand-written',
};

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const registry = await startBundledServer(context);
  const { child: service, origins } = await context.startReplicas([{ replica: 'a' }]);
  const keys = /** @type {(keyof typeof titles)[]} */ (Object.keys(titles));
  /** @type {Record<string, Child>} */
  const children = {};
  try {
    const registration = { name: '/shop/orders', id: 'orders-1', addresses: origins, leaseMs: 3_600_000 };
    await sendJson(registry.pool, '/v1/register', registration);
    for (const key of keys) {
      children[key] = new Child('processes/first-call-driver.js');
      await children[key].call('prepare', { client: key, origin: registry.origin, subject: context.subject });
      await children[key].call('run', { calls: context.quick ? 100 : 200 });
    }
    /** @type {Record<string, { p50: number[], all: number[] }>} */
    const samples = Object.fromEntries(keys.map((key) => [key, { p50: [], all: [] }]));
    const random = seededRandom(context.seed);
    const [rounds, calls] = context.quick ? [10, 40] : [30, 80];
    for (let round = 0; round < rounds; round++)
      for (const key of shuffled(keys, random)) {
        const times = await children[key].call('run', { calls });
        samples[key].p50.push(median(times));
        samples[key].all.push(...times);
      }
    const ratio = (key) => spread(samples[key].p50.map((value, i) => value / samples.request.p50[i]));
    const ms = (key) => `${median(samples[key].all).toFixed(2)} ms`;
    const ours = ratio('clerk');
    return {
      verdicts: [
        {
          what: `first call, median of ${rounds * calls} new clerks`,
          goal: '≤ 1.5 × one lookup and the call',
          ours: ms('clerk'),
          peers: ['request', 'fetch'].map((key) => `${titles[key]} ${ms(key)}`).join('; '),
          ratio: ratioText(ours),
          reached: ours.median <= 1.5,
        },
      ],
      details: Object.fromEntries(
        keys.map((key) => [
          key,
          { ms: spread(samples[key].all), p99: quantile(samples[key].all, 0.99), ratio: ratio(key) },
        ]),
      ),
      plots: [
        {
          name: 'cold-call',
          svg: barPlot(
            'The first call',
            `Ratio to ${titles.request}; bar: median, box: middle half, line: all ${rounds} rounds`,
            [
              {
                title: '',
                goal: 1.5,
                bars: keys.map((key) => ({ label: titles[key], spread: ratio(key), ours: key === 'clerk' })),
              },
            ],
          ),
        },
      ],
      notes: [
        'cold-call: clerk and agents are new for each call, so every client opens two connections. Creating the clerk or agent is not timed. The processes are warm.',
      ],
    };
  } finally {
    await Promise.all([...Object.values(children), service, registry].map((one) => one.end()));
  }
}

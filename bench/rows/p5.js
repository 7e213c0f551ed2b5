/** P5: one of three replicas is slow from the start, and nobody has told the clients. */
import { Child } from '../lib/children.js';
import { now } from '../lib/clock.js';
import { quantile } from '../lib/stats.js';
import { isOurs, titles } from '../lib/ways.js';

export const id = 'P5';
export const title = '1 of 3 replicas 200 ms slow, open loop';

const rate = 300;
const usual = { minMs: 1, maxMs: 5 };
const slow = { minMs: 200 };

const disturbance =
  'P5: the machine was held up during the run without a slow replica (its p99 is over three times the slowest answer), so the ratio of p99s is no proof.';

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const ways = context.quick
    ? ['world-clerk', 'world-p2c']
    : ['world-clerk', 'world-p2c', 'world-balanced-retry', 'world-in-turn'];
  const results = [];
  for (const way of ways) {
    const without = await load(context, way, context.quick ? 2 : 8, false);
    const withSlow = await load(context, way, context.quick ? 4 : 20, true);
    results.push({ way, without, withSlow });
    context.log(way);
  }
  const ours = /** @type {typeof results[number]} */ (results.find(({ way }) => isOurs(way)));
  const peers = (/** @type {(one: typeof ours) => string} */ show) =>
    results
      .filter((one) => one !== ours)
      .map((one) => `${titles[one.way]} ${show(one)}`)
      .join('; ');
  const p99 = ({ without, withSlow }) => `${withSlow.p99.toFixed(1)} ms (${without.p99.toFixed(1)} without)`;
  const percent = (/** @type {number} */ share) => `${(share * 100).toFixed(share < 0.1 ? 2 : 0)} %`;
  const disturbed = ours.without.p99 > 3 * usual.maxMs;
  const times = ours.withSlow.p99 / ours.without.p99;
  const verdicts = [
    {
      what: `p99 at ${rate}/s, beside the same without a slow one`,
      goal: '≤ 1.3 ×',
      ours: p99(ours),
      peers: peers(p99),
      ratio: times.toFixed(2),
      // A machine that was held up without a slow replica proves nothing in our favour.
      reached: times > 1.3 ? false : disturbed ? undefined : true,
    },
    {
      what: 'calls sent to the slow one',
      goal: '≤ 0.2 %',
      ours: percent(ours.withSlow.slowShare),
      peers: peers(({ withSlow }) => percent(withSlow.slowShare)),
      ratio: '',
      reached: ours.withSlow.slowShare <= 0.002,
    },
    {
      what: 'largest share of one replica',
      goal: '≤ 60 %',
      ours: percent(ours.withSlow.largestShare),
      peers: peers(({ withSlow }) => percent(withSlow.largestShare)),
      ratio: '',
      reached: ours.withSlow.largestShare <= 0.6,
    },
    {
      what: 'failed calls',
      goal: '',
      ours: String(ours.withSlow.failed),
      peers: peers(({ withSlow }) => String(withSlow.failed)),
      ratio: '',
      reached: undefined,
    },
  ];
  const seconds = context.quick
    ? 'Short runs: the first calls, before anything is known of the slow one, weigh more than in a full one. '
    : '';
  return {
    verdicts,
    details: Object.fromEntries(results.map(({ way, ...rest }) => [way, rest])),
    notes: [
      `P5: ${seconds}A client begins knowing nothing, and what it learns of the slow replica counts.`,
      ...(disturbed ? [disturbance] : []),
    ],
  };
}

/** One run with a client of its own. Shares are counted where calls arrive. */
async function load(context, way, seconds, isSlow) {
  const replicas = ['a', 'b', 'c'].map((replica) => ({
    replica,
    ...(isSlow && replica === 'b' ? slow : usual),
  }));
  const { child: server, origins } = await context.serve(replicas);
  const client = new Child('../lib/client.js');
  try {
    await client.ask('prepare', { way, origins, subject: context.subject });
    const { ms, failure } = await client.ask('open', { rate, seconds, startAt: now() + 100 });
    const received = await server.ask('count');
    const total = received.a + received.b + received.c;
    return {
      calls: ms.length,
      p50: quantile(ms, 0.5),
      p99: quantile(ms, 0.99),
      max: quantile(ms, 1),
      p99AfterFirstSecond: quantile(ms.slice(rate), 0.99),
      failed: failure.filter((code) => code !== '').length,
      received,
      slowShare: received.b / total,
      largestShare: Math.max(received.a, received.b, received.c) / total,
    };
  } finally {
    await Promise.all([client.end(), server.end()]);
  }
}

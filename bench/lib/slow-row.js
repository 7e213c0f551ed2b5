/** Rows where one replica of some is slow from the start, and nobody has told the clients. */
import { Child } from './children.js';
import { now } from './clock.js';
import { slowPlot } from './slow-plot.js';
import { quantile } from './stats.js';
import { isOurs, speechOf, titles } from './ways.js';

const rate = 300;
const usual = { minMs: 1, maxMs: 5 };
const slow = { minMs: 200 };

/** Ways that are compared in every run, ours first. */
const ways = ['world-clerk', 'world-p2c', 'world-cockatiel', 'world-grpc', 'world-moleculer'];

/**
 * @typedef {object} SlowRow
 * @property {string} id
 * @property {number} replicas
 * @property {{ quick: [number, number], full: [number, number] }} seconds - without and with the slow one
 * @property {string[]} besides - ways that only a full run has
 * @property {{ times?: number, ms?: number, slowShare?: number, largestShare?: number }} goals - `times`: the p99 over that without the slow one
 */

/**
 * @param {import('./context.js').Context} context
 * @param {SlowRow} row
 * @returns {Promise<import('./context.js').RowResult>}
 */
export async function slowRow(context, { id, replicas, seconds, besides, goals }) {
  const [secondsWithout, secondsWith] = seconds[context.quick ? 'quick' : 'full'];
  const results = [];
  for (const way of [...ways, ...(context.quick ? [] : besides)]) {
    const without = await load(context, way, { replicas, seconds: secondsWithout, isSlow: false });
    const withSlow = await load(context, way, { replicas, seconds: secondsWith, isSlow: true });
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
  const within =
    (goals.times === undefined || times <= goals.times) &&
    (goals.ms === undefined || ours.withSlow.p99 <= goals.ms);
  // A machine that was held up without a slow replica proves nothing in favour of a ratio.
  const unproven = within && disturbed && goals.times !== undefined;
  const atMost = (/** @type {number | undefined} */ goal) => (goal === undefined ? '' : `≤ ${goal * 100} %`);
  const share = (what, goal, pick) => ({
    what,
    goal: atMost(goal),
    ours: percent(pick(ours.withSlow)),
    peers: peers(({ withSlow }) => percent(pick(withSlow))),
    ratio: '',
    reached: goal === undefined ? undefined : pick(ours.withSlow) <= goal,
  });
  const verdicts = [
    {
      what: `p99 at ${rate}/s, beside the same without a slow one`,
      goal: [
        ...(goals.times === undefined ? [] : [`≤ ${goals.times} ×`]),
        ...(goals.ms === undefined ? [] : [`≤ ${goals.ms} ms`]),
      ].join(', '),
      ours: p99(ours),
      peers: peers(p99),
      ratio: times.toFixed(2),
      reached: unproven ? undefined : within,
    },
    share('calls sent to the slow one', goals.slowShare, ({ slowShare }) => slowShare),
    share('largest share of one replica', goals.largestShare, ({ largestShare }) => largestShare),
    {
      what: 'failed calls',
      goal: '',
      ours: String(ours.withSlow.failed),
      peers: peers(({ withSlow }) => String(withSlow.failed)),
      ratio: '',
      reached: undefined,
    },
  ];
  const short = context.quick
    ? 'Short runs: the first calls, before anything is known of the slow one, weigh more than in a full one. '
    : '';
  return {
    verdicts,
    details: Object.fromEntries(results.map(({ way, ...rest }) => [way, rest])),
    plots: [
      {
        name: id.toLowerCase(),
        svg: slowPlot(
          `${id}  p99 with 1 of ${replicas} replicas 200 ms slow`,
          `${rate} calls a second, open loop, nobody told; the mark: the same without a slow one`,
          results.map(({ way, without, withSlow }) => ({
            label: titles[way],
            ms: withSlow.p99,
            withoutMs: without.p99,
            ours: isOurs(way),
          })),
        ),
      },
    ],
    notes: [
      `${id}: ${short}A client begins knowing nothing, and what it learns of the slow replica counts. Moleculer’s Latency strategy measures its nodes by pings, which the slow replica answers as fast as the others, and it takes the first one it looks at that pings below 10 ms, of three the same one each time: where it sends its calls is luck.`,
      ...(disturbed
        ? [
            `${id}: the machine was held up during the run without a slow replica (its p99 is over three times the slowest answer), so the p99s prove little.`,
          ]
        : []),
    ],
  };
}

/** One run with a client of its own. Shares are counted where calls arrive. */
async function load(context, way, { replicas, seconds, isSlow }) {
  const names = Array.from({ length: replicas }, (_, i) => String.fromCharCode(97 + i));
  const inits = names.map((replica) => ({ replica, ...(isSlow && replica === 'b' ? slow : usual) }));
  const { child: server, origins } = await context.serve(inits, speechOf(way));
  const client = new Child('./client.js');
  try {
    await client.ask('prepare', { way, origins, subject: context.subject });
    const { ms, failure } = await client.ask('open', { rate, seconds, startAt: now() + 100 });
    /** @type {Record<string, number>} */
    const received = await server.ask('count');
    const counts = Object.values(received);
    const total = counts.reduce((sum, count) => sum + count, 0);
    return {
      calls: ms.length,
      p50: quantile(ms, 0.5),
      p99: quantile(ms, 0.99),
      max: quantile(ms, 1),
      p99AfterFirstSecond: quantile(ms.slice(rate), 0.99),
      failed: failure.filter((code) => code !== '').length,
      received,
      slowShare: received.b / total,
      largestShare: Math.max(...counts) / total,
    };
  } finally {
    await Promise.all([client.end(), server.end()]);
  }
}

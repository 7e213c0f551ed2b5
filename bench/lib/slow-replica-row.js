/** Rows in which one replica is slow from the start. Clients are not informed of it. */
import { clientTitles, isOurs } from './clients.js';
import { compareClients } from './compare-clients.js';
import { openLoadClients, runOpenLoad } from './open-load.js';
import { slowReplicaPlot } from './slow-replica-plot.js';
import { quantile } from './statistics.js';

const rate = 300;
const normalLatency = { minMs: 1, maxMs: 5 };
const slow = { minMs: 200 };

/**
 * @typedef {object} SlowReplicaRow
 * @property {string} id
 * @property {number} replicas
 * @property {{ quick: [number, number], full: [number, number] }} seconds - without and with the slow replica
 * @property {string[]} [extraClients] - keys of clients that only a full run measures
 * @property {{ times?: number, ms?: number, slowShare?: number, largestShare?: number }} goals - `times`: p99 divided by the p99 without the slow replica
 */

/**
 * @param {import('./context.js').Context} context
 * @param {SlowReplicaRow} row
 * @returns {Promise<import('./context.js').RowResult>}
 */
export async function slowReplicaRow(context, { id, replicas, seconds, extraClients, goals }) {
  const [secondsWithout, secondsWith] = seconds[context.quick ? 'quick' : 'full'];
  const results = [];
  for (const client of openLoadClients(context, extraClients)) {
    const without = await runLoad(context, client, { replicas, seconds: secondsWithout, isSlow: false });
    const withSlow = await runLoad(context, client, { replicas, seconds: secondsWith, isSlow: true });
    results.push({ client, without, withSlow });
    context.log(client);
  }
  const { ours, verdict } = compareClients(results);
  const p99 = ({ without, withSlow }) => `${withSlow.p99.toFixed(1)} ms (${without.p99.toFixed(1)} without)`;
  const percent = (/** @type {number} */ share) => `${(share * 100).toFixed(share < 0.1 ? 2 : 0)} %`;
  const disturbed = ours.without.p99 > 3 * normalLatency.maxMs;
  const times = ours.withSlow.p99 / ours.without.p99;
  const within =
    (goals.times === undefined || times <= goals.times) &&
    (goals.ms === undefined || ours.withSlow.p99 <= goals.ms);
  // When the machine was disturbed in the run without a slow replica, a low ratio is not evidence.
  const isUnproven = within && disturbed && goals.times !== undefined;
  const atMost = (/** @type {number | undefined} */ goal) => (goal === undefined ? '' : `≤ ${goal * 100} %`);
  const share = (what, goal, pick) =>
    verdict(
      what,
      atMost(goal),
      ({ withSlow }) => percent(pick(withSlow)),
      goal === undefined ? undefined : pick(ours.withSlow) <= goal,
    );
  const verdicts = [
    {
      ...verdict(
        `p99 at ${rate}/s, and the same without a slow replica`,
        [
          ...(goals.times === undefined ? [] : [`≤ ${goals.times} ×`]),
          ...(goals.ms === undefined ? [] : [`≤ ${goals.ms} ms`]),
        ].join(', '),
        p99,
        isUnproven ? undefined : within,
      ),
      ratio: times.toFixed(2),
    },
    share('calls sent to the slow replica', goals.slowShare, ({ slowShare }) => slowShare),
    share('largest share of one replica', goals.largestShare, ({ largestShare }) => largestShare),
    verdict('failed calls', '', ({ withSlow }) => String(withSlow.failed)),
  ];
  const shortRunNote = context.quick
    ? 'Short runs: the first calls, made before latencies are known, weigh more than in a full run. '
    : '';
  return {
    verdicts,
    details: Object.fromEntries(results.map(({ client, ...rest }) => [client, rest])),
    plots: [
      {
        name: id,
        svg: slowReplicaPlot(
          `p99 with 1 of ${replicas} replicas 200 ms slow`,
          `${rate} calls per second, open loop; the tick marks the p99 without a slow replica`,
          results.map(({ client, without, withSlow }) => ({
            label: clientTitles[client],
            ms: withSlow.p99,
            withoutMs: without.p99,
            ours: isOurs(client),
          })),
        ),
      },
    ],
    notes: [
      `${id}: ${shortRunNote}Clients start without knowledge of latencies, and the calls in which they learn them count. Moleculer’s Latency strategy measures pings, to which the slow replica responds as fast as the others. It takes the first sampled node with a ping below 10 ms; with three nodes that is always the same one, so its result depends on chance.`,
      ...(disturbed
        ? [
            `${id}: the machine was disturbed during the run without a slow replica (its p99 is more than three times the slowest response), so the p99 values are weak evidence.`,
          ]
        : []),
    ],
  };
}

/** One run. Shares are counted at the replicas. */
async function runLoad(context, client, { replicas, seconds, isSlow }) {
  const names = Array.from({ length: replicas }, (_, i) => String.fromCharCode(97 + i));
  const inits = names.map((replica) => ({ replica, ...(isSlow && replica === 'b' ? slow : normalLatency) }));
  const { ms, failure, received } = await runOpenLoad(context, client, inits, { rate, seconds });
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
}

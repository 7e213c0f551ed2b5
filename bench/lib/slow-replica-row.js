/** Rows in which one replica is slow from the start. Clients are not informed of it. */
import { Child } from './child-process.js';
import { now } from './clock.js';
import { slowReplicaPlot } from './slow-replica-plot.js';
import { quantile } from './statistics.js';
import { isOurs, protocolOf, clientTitles } from './clients.js';

const rate = 300;
const normalLatency = { minMs: 1, maxMs: 5 };
const slow = { minMs: 200 };

/** Keys of the clients of every run, ours first. */
const clients = ['fault-clerk', 'fault-p2c', 'fault-cockatiel', 'fault-grpc', 'fault-moleculer'];

/**
 * @typedef {object} SlowReplicaRow
 * @property {string} id
 * @property {number} replicas
 * @property {{ quick: [number, number], full: [number, number] }} seconds - without and with the slow replica
 * @property {string[]} extraClients - keys of clients that only a full run measures
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
  for (const client of [...clients, ...(context.quick ? [] : extraClients)]) {
    const without = await runLoad(context, client, { replicas, seconds: secondsWithout, isSlow: false });
    const withSlow = await runLoad(context, client, { replicas, seconds: secondsWith, isSlow: true });
    results.push({ client, without, withSlow });
    context.log(client);
  }
  const ours = /** @type {typeof results[number]} */ (results.find(({ client }) => isOurs(client)));
  const listPeers = (/** @type {(one: typeof ours) => string} */ show) =>
    results
      .filter((one) => one !== ours)
      .map((one) => `${clientTitles[one.client]} ${show(one)}`)
      .join('; ');
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
  const share = (what, goal, pick) => ({
    what,
    goal: atMost(goal),
    ours: percent(pick(ours.withSlow)),
    peers: listPeers(({ withSlow }) => percent(pick(withSlow))),
    ratio: '',
    reached: goal === undefined ? undefined : pick(ours.withSlow) <= goal,
  });
  const verdicts = [
    {
      what: `p99 at ${rate}/s, and the same without a slow replica`,
      goal: [
        ...(goals.times === undefined ? [] : [`≤ ${goals.times} ×`]),
        ...(goals.ms === undefined ? [] : [`≤ ${goals.ms} ms`]),
      ].join(', '),
      ours: p99(ours),
      peers: listPeers(p99),
      ratio: times.toFixed(2),
      reached: isUnproven ? undefined : within,
    },
    share('calls sent to the slow replica', goals.slowShare, ({ slowShare }) => slowShare),
    share('largest share of one replica', goals.largestShare, ({ largestShare }) => largestShare),
    {
      what: 'failed calls',
      goal: '',
      ours: String(ours.withSlow.failed),
      peers: listPeers(({ withSlow }) => String(withSlow.failed)),
      ratio: '',
      reached: undefined,
    },
  ];
  const shortRunNote = context.quick
    ? 'Short runs: the first calls, made before latencies are known, weigh more than in a full run. '
    : '';
  return {
    verdicts,
    details: Object.fromEntries(results.map(({ client, ...rest }) => [client, rest])),
    plots: [
      {
        name: id.toLowerCase(),
        svg: slowReplicaPlot(
          `${id}  p99 with 1 of ${replicas} replicas 200 ms slow`,
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

/** One run in a client process of its own. Shares are counted at the replicas. */
async function runLoad(context, client, { replicas, seconds, isSlow }) {
  const names = Array.from({ length: replicas }, (_, i) => String.fromCharCode(97 + i));
  const inits = names.map((replica) => ({ replica, ...(isSlow && replica === 'b' ? slow : normalLatency) }));
  const { child: server, origins } = await context.startReplicas(inits, protocolOf(client));
  const driver = new Child('processes/client-driver.js');
  try {
    await driver.call('prepare', { client, origins, subject: context.subject });
    const { ms, failure } = await driver.call('open', { rate, seconds, startAt: now() + 100 });
    /** @type {Record<string, number>} */
    const received = await server.call('count');
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
    await Promise.all([driver.end(), server.end()]);
  }
}

/** P12: from sending a change to the callback of somebody who watches. */
import { barPlot } from '../lib/bars.js';
import { Child } from '../lib/children.js';
import { etcdVersion } from '../lib/etcd.js';
import { etcdOrWhy, startOurs } from '../lib/registries.js';
import { median, quantile, seeded, shuffled, spread } from '../lib/stats.js';
import { ratioText } from '../lib/table.js';

export const id = 'P12';
export const title = 'change to watcher';

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const started = /** @type {import('../lib/registries.js').Running[]} */ ([]);
  const watchers = /** @type {Child[]} */ ([]);
  try {
    /** @type {Record<string, { title: string, child: Child, p50: number[], p99: number[], all: number[] }>} */
    const ways = {};
    const watch = async (key, way, name, server) => {
      started.push(server);
      const child = new Child('./watching.js');
      watchers.push(child);
      const { subject, seed } = context;
      await child.ask('prepare', { way, origin: server.origin, subject, seed });
      ways[key] = { title: name, child, p50: [], p99: [], all: [] };
    };
    await watch('ours', 'clerk', 'clerk.watch, on disk', await startOurs(context, { durable: true }));
    await watch('memory', 'clerk', 'clerk.watch, in memory', await startOurs(context));
    const etcd = await etcdOrWhy(context);
    if (typeof etcd !== 'string')
      await watch('etcd', 'etcd', `etcd ${await etcdVersion(context)}, gateway`, etcd);

    const random = seeded(context.seed);
    const [rounds, changes, before] = context.quick ? [3, 100, 300] : [6, 500, 4_000];
    /** @type {Record<string, number>} */
    const first = {};
    for (const [key, { child }] of Object.entries(ways)) {
      first[key] = quantile(await child.ask('run', { changes: 100 }), 0.5);
      await child.ask('run', { changes: before });
      context.log(`${key} warm`);
    }
    for (let round = 0; round < rounds; round++) {
      for (const key of shuffled(Object.keys(ways), random)) {
        const { child, p50, p99, all } = ways[key];
        /** @type {number[]} */
        const times = await child.ask('run', { changes });
        p50.push(quantile(times, 0.5));
        p99.push(quantile(times, 0.99));
        all.push(...times);
      }
      context.log(`round ${round + 1} of ${rounds}`);
    }

    const ms = (/** @type {number} */ value) => `${value.toFixed(2)} ms`;
    const absent = typeof etcd === 'string' ? [`etcd not measured here: ${etcd}`] : [];
    const verdict = (/** @type {'p50' | 'p99'} */ measure, goal) => ({
      what: `${measure}, each change durable before it is told`,
      goal: `≤ ${goal} ms`,
      ours: ms(median(ways.ours[measure])),
      peers: [
        ...Object.entries(ways)
          .filter(([key]) => key !== 'ours')
          .map(([, way]) => `${way.title} ${ms(median(way[measure]))}`),
        ...absent,
      ].join('; '),
      ratio:
        ways.etcd === undefined
          ? ''
          : `${ratioText(spread(ways.ours[measure].map((value, i) => value / ways.etcd[measure][i])))} × ${ways.etcd.title}`,
      reached: median(ways.ours[measure]) <= goal,
    });
    const goals = /** @type {const} */ ({ p50: 1, p99: 2 });
    const groups = /** @type {const} */ (['p50', 'p99']).map((measure) => ({
      title: `${measure} of ${changes} changes, ms`,
      goal: goals[measure],
      bars: Object.entries(ways).map(([key, way]) => ({
        label: way.title,
        spread: spread(way[measure]),
        ours: key !== 'etcd',
      })),
    }));
    return {
      verdicts: [verdict('p50', goals.p50), verdict('p99', goals.p99)],
      details: Object.fromEntries(
        Object.entries(ways).map(([key, way]) => [
          key,
          { p50: spread(way.p50), p99: spread(way.p99), all: spread(way.all) },
        ]),
      ),
      plots: [
        {
          name: 'p12',
          svg: barPlot(
            'P12  From a change to its watcher',
            `From sending the change to the callback, ms; bar: median, box: middle half, line: all ${rounds} rounds`,
            groups,
          ),
        },
      ],
      notes: [
        `P12: one change at a time, 2 to 6 ms apart, sent by the process that watches 20 names with one glob; the sync of the disk is part of it, but for the line in memory. Warm means after ${before} changes: the first hundred took, p50, ${Object.keys(
          ways,
        )
          .map((key) => `${ms(first[key])} (${ways[key].title})`)
          .join(', ')}.`,
      ],
    };
  } finally {
    await Promise.all([...watchers, ...started].map((one) => one.end()));
  }
}

/** Delay from sending a change to its watch event. */
import { barPlot } from '../lib/bar-plot.js';
import { Child } from '../lib/child-process.js';
import { etcdVersion } from '../lib/etcd.js';
import { startEtcdServer, startBundledServer } from '../lib/registry-servers.js';
import { median, quantile, seededRandom, shuffled, spread } from '../lib/statistics.js';
import { ratioText } from '../lib/table.js';

export const id = 'watch-delay';
export const title = 'change to watch event';

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const started = /** @type {import('../lib/registry-servers.js').RegistryServer[]} */ ([]);
  const watchers = /** @type {Child[]} */ ([]);
  try {
    /** @type {Record<string, { title: string, child: Child, p50: number[], p99: number[], all: number[] }>} */
    const clients = {};
    const startWatch = async (key, client, name, server) => {
      started.push(server);
      const child = new Child('processes/watch-driver.js');
      watchers.push(child);
      const { subject, seed } = context;
      await child.call('prepare', { client, origin: server.origin, subject, seed });
      clients[key] = { title: name, child, p50: [], p99: [], all: [] };
    };
    await startWatch(
      'ours',
      'clerk',
      'clerk.watch, on disk',
      await startBundledServer(context, { durable: true }),
    );
    await startWatch('memory', 'clerk', 'clerk.watch, in memory', await startBundledServer(context));
    const etcd = await startEtcdServer(context);
    if (typeof etcd !== 'string')
      await startWatch('etcd', 'etcd', `etcd ${await etcdVersion(context)}, gateway`, etcd);

    const random = seededRandom(context.seed);
    const [rounds, changes, warmupChanges] = context.quick ? [3, 100, 300] : [6, 500, 4_000];
    /** @type {Record<string, number>} */
    const first = {};
    for (const [key, { child }] of Object.entries(clients)) {
      first[key] = quantile(await child.call('run', { changes: 100 }), 0.5);
      await child.call('run', { changes: warmupChanges });
      context.log(`${key} warm`);
    }
    for (let round = 0; round < rounds; round++) {
      for (const key of shuffled(Object.keys(clients), random)) {
        const { child, p50, p99, all } = clients[key];
        /** @type {number[]} */
        const times = await child.call('run', { changes });
        p50.push(quantile(times, 0.5));
        p99.push(quantile(times, 0.99));
        all.push(...times);
      }
      context.log(`round ${round + 1} of ${rounds}`);
    }

    const ms = (/** @type {number} */ value) => `${value.toFixed(2)} ms`;
    const absent = typeof etcd === 'string' ? [`etcd not measured: ${etcd}`] : [];
    const verdict = (/** @type {'p50' | 'p99'} */ measure, goal) => ({
      what: `${measure}, each change durable before its event`,
      goal: `≤ ${goal} ms`,
      ours: ms(median(clients.ours[measure])),
      peers: [
        ...Object.entries(clients)
          .filter(([key]) => key !== 'ours')
          .map(([, client]) => `${client.title} ${ms(median(client[measure]))}`),
        ...absent,
      ].join('; '),
      ratio:
        clients.etcd === undefined
          ? ''
          : `${ratioText(spread(clients.ours[measure].map((value, i) => value / clients.etcd[measure][i])))} × ${clients.etcd.title}`,
      reached: median(clients.ours[measure]) <= goal,
    });
    const goals = /** @type {const} */ ({ p50: 1, p99: 2 });
    const groups = /** @type {const} */ (['p50', 'p99']).map((measure) => ({
      title: `${measure} of ${changes} changes, ms`,
      goal: goals[measure],
      bars: Object.entries(clients).map(([key, client]) => ({
        label: client.title,
        spread: spread(client[measure]),
        ours: key !== 'etcd',
      })),
    }));
    return {
      verdicts: [verdict('p50', goals.p50), verdict('p99', goals.p99)],
      details: Object.fromEntries(
        Object.entries(clients).map(([key, client]) => [
          key,
          { p50: spread(client.p50), p99: spread(client.p99), all: spread(client.all) },
        ]),
      ),
      plots: [
        {
          name: 'watch-delay',
          svg: barPlot(
            'From a change to its watch event',
            `From sending the change to its watch event, ms; bar: median, box: middle half, line: all ${rounds} rounds`,
            groups,
          ),
        },
      ],
      notes: [
        `watch-delay: one change at a time, with pauses of 2 to 6 ms, sent by the process that watches 20 names with one glob. The delay includes the sync of the disk, except in memory. Measured after ${warmupChanges} changes; p50 of the first 100 changes: ${Object.keys(
          clients,
        )
          .map((key) => `${ms(first[key])} (${clients[key].title})`)
          .join(', ')}.`,
      ],
    };
  } finally {
    await Promise.all([...watchers, ...started].map((one) => one.end()));
  }
}

/** Honest lookups, and the memory of the registry, without and beside a hostile process on the same host. */
import { Child } from '../lib/child-process.js';
import { base64, etcdVersion } from '../lib/etcd.js';
import { processUsage } from '../lib/process-usage.js';
import { startBundledServer, startEtcdServer } from '../lib/registry-servers.js';
import { connections, forEachConcurrently, sendJson } from '../lib/registry-requests.js';
import { quantile } from '../lib/statistics.js';
import { undici } from '../lib/subject.js';

export const id = 'hostile-neighbour';
export const title = 'honest lookups beside a hostile process';

const MiB = 2 ** 20;
const names = Array.from({ length: 1_000 }, (_, i) => `/bench/service-${i}`);

/**
 * @typedef {object} MeasuredServer
 * @property {string} kind - of the requests of the hostile process
 * @property {import('../lib/registry-servers.js').RegistryServer} server
 * @property {(name: string) => { path: string, body?: unknown }} lookup
 */

/** 200 lookups a second, whose durations count from when they are due. @returns {Promise<number[]>} in ms */
async function honestLookups(
  /** @type {MeasuredServer} */ { server, lookup },
  /** @type {number} */ seconds,
) {
  const rate = 200;
  const pool = new undici.Pool(server.origin, { connections: 16 });
  const startAt = performance.now();
  const pending = [];
  for (let i = 0; i < seconds * rate; i++) {
    const dueAt = startAt + (i * 1_000) / rate;
    const waitMs = dueAt - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const { path, body } = lookup(names[i % names.length]);
    const done = sendJson(pool, path, body).then(() => performance.now() - dueAt);
    pending.push(done.catch(() => Infinity));
  }
  const durations = await Promise.all(pending);
  await pool.destroy();
  return durations;
}

/** The greatest resident memory until `work` has ended. @returns {Promise<{ result: number[], rss: number }>} */
async function withMemory(/** @type {number} */ pid, /** @type {Promise<number[]>} */ work) {
  let rss = 0;
  const sample = async () => {
    rss = Math.max(rss, (await processUsage(pid))?.rss ?? 0);
  };
  const timer = setInterval(() => void sample(), 250);
  const result = await work;
  clearInterval(timer);
  await sample();
  return { result, rss };
}

/** @param {import('../lib/context.js').Context} context @param {MeasuredServer} measured */
async function measure(context, measured) {
  const { server, kind } = measured;
  const seconds = context.quick ? 5 : 30;
  await honestLookups(measured, 2);
  const alone = await withMemory(server.pid, honestLookups(measured, seconds));
  const neighbour = new Child('processes/hostile-neighbour.js');
  try {
    await neighbour.call('start', { port: server.port, server: kind });
    const beside = await withMemory(server.pid, honestLookups(measured, seconds));
    const hostileLookups = await neighbour.call('stop');
    const p99 = (/** @type {{ result: number[] }} */ { result }) => quantile(result, 0.99);
    const failed = beside.result.filter((ms) => ms === Infinity).length;
    context.log(`${kind}: ${hostileLookups} hostile lookups, ${failed} honest lookups failed`);
    return {
      ...{ aloneP99: p99(alone), besideP99: p99(beside), failed, hostileLookups },
      ...{ aloneRss: alone.rss, grownRss: beside.rss - alone.rss },
    };
  } finally {
    await neighbour.end();
  }
}

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const ours = await startBundledServer(context);
  const etcd = await startEtcdServer(context);
  try {
    await forEachConcurrently(names, connections, (name) => sendJson(ours.pool, '/v1/define', { name }));
    const lookup = (/** @type {string} */ name) => ({ path: `/v1/resolve?name=${encodeURIComponent(name)}` });
    const own = await measure(context, { kind: 'ours', server: ours, lookup });
    let peer;
    let version = '';
    if (typeof etcd !== 'string') {
      version = await etcdVersion(context);
      await forEachConcurrently(names, connections, (name) =>
        sendJson(etcd.pool, '/v3/kv/put', { key: base64(name), value: base64(name.repeat(10)) }),
      );
      const range = (/** @type {string} */ name) => ({
        path: '/v3/kv/range',
        body: { key: base64(name), serializable: true },
      });
      peer = await measure(context, { kind: 'etcd', server: etcd, lookup: range });
    }
    const text = (/** @type {Awaited<ReturnType<typeof measure>>} */ { aloneP99, besideP99, failed }) =>
      `${besideP99.toFixed(1)} ms (${aloneP99.toFixed(1)} ms alone), ${failed} failed`;
    const grown = (/** @type {Awaited<ReturnType<typeof measure>>} */ { grownRss, aloneRss }) =>
      `+ ${(grownRss / MiB).toFixed(0)} MiB (${(aloneRss / MiB).toFixed(0)} MiB alone)`;
    const peerText = (/** @type {(figures: Awaited<ReturnType<typeof measure>>) => string} */ show) =>
      peer === undefined ? `etcd not measured: ${etcd}` : `etcd ${version}, gateway: ${show(peer)}`;
    return {
      verdicts: [
        {
          what: 'p99 of 200 lookups a second beside the hostile process',
          ...{ goal: '≤ 100 ms, 0 failed', ours: text(own), peers: peerText(text), ratio: '' },
          reached: own.besideP99 <= 100 && own.failed === 0,
        },
        {
          what: 'growth of resident memory',
          ...{ goal: '≤ 64 MiB', ours: grown(own), peers: peerText(grown), ratio: '' },
          reached: own.grownRss <= 64 * MiB,
        },
      ],
      details: { ours: own, etcd: peer ?? etcd },
      notes: [
        'hostile-neighbour: one process with 256 idle connections, 32 that ask 15 times for everything and read nothing, and 16 that look up ever new names as fast as they are answered. It uses a processor of its own.',
      ],
    };
  } finally {
    await Promise.all([ours.end(), typeof etcd === 'string' ? undefined : etcd.end()]);
  }
}

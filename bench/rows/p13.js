/** P13: a list of 1,000 names, whole. */
import { base64, endOf, etcdVersion } from '../lib/etcd.js';
import { rateResult, rateRounds } from '../lib/rate-row.js';
import { etcdOrWhy, startMap, startOurs } from '../lib/registries.js';
import { connections, forAll, requestBytes, say } from '../lib/requests.js';

export const id = 'P13';
export const title = 'list of 1,000 names';

const count = 1_000;
const names = Array.from({ length: count }, (_, i) => `/bench/service-${String(i).padStart(4, '0')}`);
/** Names that are not asked for. */
const besides = Array.from({ length: count }, (_, i) => `/other/service-${i}`);

const path = `/v1/list?glob=${encodeURIComponent('/bench/*')}`;
const same = (/** @type {Uint8Array} */ request) => Array.from({ length: connections }, () => [request]);

/**
 * Fills a reference server, and says what it is asked.
 *
 * @param {import('../lib/registries.js').Running} server
 */
export async function fill({ pool }) {
  const lines = [...names, ...besides].map((name) => `${JSON.stringify({ kind: 'service', name })}\n`);
  await say(pool, '/v1/import', lines.join(''));
  const { entries, next } = await say(pool, path);
  if (entries.length !== count || next !== null)
    throw new Error(`The list has ${entries.length} names and ${next === null ? 'no' : 'another'} page`);
  return same(requestBytes(path));
}

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const ours = await startOurs(context);
  const others = /** @type {import('../lib/registries.js').Running[]} */ ([]);
  try {
    const requests = await fill(ours);
    const map = await startMap(Object.fromEntries([...names, ...besides].map((name) => [name, '{}'])));
    others.push(map);
    /** @type {Record<string, import('../lib/rate-row.js').Asked>} */
    const servers = {
      ours: { title: 'reference server', port: ours.port, pid: ours.pid, requests },
      map: { title: 'Map behind node:http', port: map.port, pid: map.pid, requests },
    };
    const etcd = await etcdOrWhy(context);
    if (typeof etcd !== 'string') {
      others.push(etcd);
      await forAll([...names, ...besides], connections, (name) =>
        say(etcd.pool, '/v3/kv/put', { key: base64(name), value: base64('{"kind":"service"}') }),
      );
      const range = {
        key: base64('/bench/'),
        range_end: endOf('/bench/'),
        keys_only: true,
        serializable: true,
      };
      const { kvs } = await say(etcd.pool, '/v3/kv/range', range);
      if (kvs.length !== count) throw new Error(`etcd lists ${kvs.length} names`);
      servers.etcd = {
        title: `etcd ${await etcdVersion(context)}, gateway`,
        port: etcd.port,
        pid: etcd.pid,
        requests: same(requestBytes('/v3/kv/range', range)),
      };
    }
    const samples = await rateRounds(context, servers, {
      rounds: context.quick ? 3 : 5,
      seconds: context.quick ? 0.8 : 2,
    });
    return {
      ...rateResult(servers, samples, {
        what: '1,000 of 2,000 names, one page',
        base: servers.etcd && 'etcd',
        goal: 1_000,
        plot: 'p13',
        plotTitle: 'P13  Lists of 1,000 names a second',
        absent: typeof etcd === 'string' ? [`etcd not measured here: ${etcd}`] : [],
      }),
      notes: [
        'P13: 64 connections, one list under way on each; etcd gives keys without values, the others kind and number of endpoints too.',
      ],
    };
  } finally {
    await Promise.all([ours, ...others].map((server) => server.end()));
  }
}

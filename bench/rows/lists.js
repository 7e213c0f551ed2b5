/** Listings of 1,000 names in one page. */
import { base64, prefixEnd, etcdVersion } from '../lib/etcd.js';
import { throughputResult, throughputRounds } from '../lib/throughput-row.js';
import { startEtcdServer, startMapServer, startBundledServer } from '../lib/registry-servers.js';
import { connections, forEachConcurrently, requestBytes, sendJson } from '../lib/registry-requests.js';

export const id = 'lists';
export const title = 'listing of 1,000 names';

const count = 1_000;
const names = Array.from({ length: count }, (_, i) => `/bench/service-${String(i).padStart(4, '0')}`);
/** Names outside the listing. */
const otherNames = Array.from({ length: count }, (_, i) => `/other/service-${i}`);

const path = `/v1/list?glob=${encodeURIComponent('/bench/*')}`;
const onEveryConnection = (/** @type {Uint8Array} */ request) =>
  Array.from({ length: connections }, () => [request]);

/**
 * Imports the names into a bundled server; returns the requests of the load.
 *
 * @param {import('../lib/registry-servers.js').RegistryServer} server
 */
export async function prepareRequests({ pool }) {
  const lines = [...names, ...otherNames].map((name) => `${JSON.stringify({ kind: 'service', name })}\n`);
  await sendJson(pool, '/v1/import', lines.join(''));
  const { entries, next } = await sendJson(pool, path);
  if (entries.length !== count || next !== null)
    throw new Error(
      `The listing must have ${count} names in one page; got ${entries.length} and next ${next}`,
    );
  return onEveryConnection(requestBytes(path));
}

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const ours = await startBundledServer(context);
  const peers = /** @type {import('../lib/registry-servers.js').RegistryServer[]} */ ([]);
  try {
    const requests = await prepareRequests(ours);
    const map = await startMapServer(
      Object.fromEntries([...names, ...otherNames].map((name) => [name, '{}'])),
    );
    peers.push(map);
    /** @type {Record<string, import('../lib/throughput-row.js').LoadedServer>} */
    const servers = {
      ours: { title: 'bundled server', port: ours.port, pid: ours.pid, requests },
      map: { title: 'Map behind node:http', port: map.port, pid: map.pid, requests },
    };
    const etcd = await startEtcdServer(context);
    if (typeof etcd !== 'string') {
      peers.push(etcd);
      await forEachConcurrently([...names, ...otherNames], connections, (name) =>
        sendJson(etcd.pool, '/v3/kv/put', { key: base64(name), value: base64('{"kind":"service"}') }),
      );
      const range = {
        key: base64('/bench/'),
        range_end: prefixEnd('/bench/'),
        keys_only: true,
        serializable: true,
      };
      const { kvs } = await sendJson(etcd.pool, '/v3/kv/range', range);
      if (kvs.length !== count) throw new Error(`etcd must list ${count} names; got ${kvs.length}`);
      servers.etcd = {
        title: `etcd ${await etcdVersion(context)}, gateway`,
        port: etcd.port,
        pid: etcd.pid,
        requests: onEveryConnection(requestBytes('/v3/kv/range', range)),
      };
    }
    const samples = await throughputRounds(context, servers, {
      rounds: context.quick ? 3 : 5,
      seconds: context.quick ? 0.8 : 2,
    });
    return {
      ...throughputResult(servers, samples, {
        what: '1,000 of 2,000 names, one page',
        base: servers.etcd && 'etcd',
        goal: 1_000,
        plot: 'lists',
        plotTitle: 'Listings of 1,000 names per second',
        absent: typeof etcd === 'string' ? [`etcd not measured: ${etcd}`] : [],
      }),
      notes: [
        'lists: 64 connections, one listing in flight on each. etcd returns keys without values; the others return kind and number of endpoints too.',
      ],
    };
  } finally {
    await Promise.all([ours, ...peers].map((server) => server.end()));
  }
}

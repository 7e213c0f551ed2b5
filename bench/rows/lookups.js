/** Lookups over HTTP, beside etcd's gateway and a Map behind node:http, all with the same responses. */
import { base64, etcdVersion } from '../lib/etcd.js';
import { throughputResult, throughputRounds } from '../lib/throughput-row.js';
import { startEtcdServer, startMapServer, startBundledServer } from '../lib/registry-servers.js';
import {
  connections,
  splitByConnection,
  forEachConcurrently,
  registerAll,
  requestBytes,
  sendJson,
} from '../lib/registry-requests.js';

export const id = 'lookups';
export const title = 'lookups over HTTP, 64 connections';

const names = Array.from({ length: 300 }, (_, i) => `/bench/service-${i}`);

/** Three endpoints per name. */
const registrations = names.flatMap((name, i) =>
  ['a', 'b', 'c'].map((letter, at) => ({
    name,
    id: `${name.slice(1).replace('/', '-')}-${letter}`,
    addresses: [`http://10.0.${i % 250}.${at + 1}:8080`],
    host: `host-${at}`,
    zone: `zone-${letter}`,
    version: '2.1.0',
    attributes: { rack: String(i % 10) },
    leaseMs: 3_600_000,
  })),
);

const resolvePath = (/** @type {string} */ name) => `/v1/resolve?name=${encodeURIComponent(name)}`;

/** Lookups of all names, by connection. */
const requests = splitByConnection(names.map((name) => requestBytes(resolvePath(name))));

/**
 * Registers the endpoints at a bundled server; returns the requests of the load.
 *
 * @param {import('../lib/registry-servers.js').RegistryServer} server
 */
export async function prepareRequests({ origin }) {
  await registerAll(origin, registrations);
  return requests;
}

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const ours = await startBundledServer(context);
  const peers = /** @type {import('../lib/registry-servers.js').RegistryServer[]} */ ([]);
  try {
    await prepareRequests(ours);
    /** @type {Record<string, string>} */
    const responses = {};
    for (const name of names) responses[name] = JSON.stringify(await sendJson(ours.pool, resolvePath(name)));

    const map = await startMapServer(responses);
    peers.push(map);
    /** @type {Record<string, import('../lib/throughput-row.js').LoadedServer>} */
    const servers = {
      ours: { title: 'bundled server', port: ours.port, pid: ours.pid, requests },
      map: { title: 'Map behind node:http', port: map.port, pid: map.pid, requests },
    };
    const etcd = await startEtcdServer(context);
    if (typeof etcd !== 'string') {
      peers.push(etcd);
      const put = (/** @type {string} */ name) =>
        sendJson(etcd.pool, '/v3/kv/put', { key: base64(name), value: base64(responses[name]) });
      await forEachConcurrently(names, connections, put);
      servers.etcd = {
        title: `etcd ${await etcdVersion(context)}, gateway`,
        port: etcd.port,
        pid: etcd.pid,
        requests: splitByConnection(
          names.map((name) => requestBytes('/v3/kv/range', { key: base64(name), serializable: true })),
        ),
      };
    }
    const samples = await throughputRounds(context, servers, {
      rounds: context.quick ? 3 : 5,
      seconds: context.quick ? 0.8 : 2.5,
    });
    const bytes = Math.round(
      Object.values(responses).reduce((sum, { length }) => sum + length, 0) / names.length,
    );
    const loadUs = samples.ours.loadUs.reduce((sum, value) => sum + value, 0) / samples.ours.loadUs.length;
    return {
      ...throughputResult(servers, samples, {
        what: '300 names with 3 endpoints each',
        base: servers.etcd && 'etcd',
        goal: 40_000,
        p99Goal: 5,
        plot: 'lookups',
        plotTitle: 'Lookups per second',
        absent: typeof etcd === 'string' ? [`etcd not measured: ${etcd}`] : [],
      }),
      notes: [
        `lookups: responses have ${bytes} bytes and are equal for all servers; etcd reads are serializable (local). The load is prepared bytes over ${connections} raw connections, one request in flight on each; it uses ${loadUs.toFixed(1)} µs of CPU per response on the same machine.`,
      ],
    };
  } finally {
    await Promise.all([ours, ...peers].map((server) => server.end()));
  }
}

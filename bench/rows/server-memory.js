/** Memory of the server with many endpoints and many names. */
import { base64, etcdVersion } from '../lib/etcd.js';
import { processUsage } from '../lib/process-usage.js';
import { startEtcdServer, startBundledServer } from '../lib/registry-servers.js';
import { forEachConcurrently, registerAll, sendJson } from '../lib/registry-requests.js';

export const id = 'server-memory';
export const title = 'memory of the server';

const MB = 1e6;
const perService = 10;
/** All requests are from one principal. */
const limits = { maxRegistrations: 1_000_000, maxNamesPerPrincipal: 2_000_000 };

/** The registration of endpoint `i`. @param {number} i */
const registration = (i) => ({
  name: `/bench/team-${Math.floor(i / 1_000)}/service-${Math.floor(i / perService)}`,
  id: `instance-${i}`,
  addresses: [`http://10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}:8080`],
  host: `host-${i % 500}`,
  zone: `zone-${i % 3}`,
  version: '2.1.0',
  leaseMs: 3_600_000,
});

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const endpoints = context.quick ? 10_000 : 100_000;
  const names = context.quick ? 100_000 : 1_000_000;
  const withEndpoints = await measureEndpoints(context, endpoints);
  context.log(`${endpoints.toLocaleString('en')} endpoints`);
  const etcd = await measureEtcd(context, endpoints);
  context.log('etcd');
  const withNames = await measureNames(context, names);
  context.log(`${names.toLocaleString('en')} names`);

  // A quick run measures a tenth of the entries; memory per entry is about the same.
  const scale = 100_000 / endpoints;
  const mb = (/** @type {number} */ bytes) => `${(bytes / MB).toFixed(0)} MB`;
  const endpointBytes = (withEndpoints.full.rss - withEndpoints.empty.rss) * scale;
  const namesProcessBytes = withNames.empty.rss + (withNames.full.rss - withNames.empty.rss) * scale;
  const scaled = context.quick ? `, ${scale} × the memory of a tenth` : '';
  return {
    verdicts: [
      {
        what: `100,000 endpoints, above empty${scaled}`,
        goal: '≤ 112 MB',
        ours: mb(endpointBytes),
        peers:
          typeof etcd === 'string'
            ? `etcd not measured: ${etcd}`
            : `etcd ${etcd.version} ${mb((etcd.full - etcd.empty) * scale)}`,
        ratio: '',
        reached: endpointBytes <= 112 * MB,
      },
      {
        what: `1,000,000 names, whole process${scaled}`,
        goal: '≤ 1,000 MB',
        ours: mb(namesProcessBytes),
        peers: '',
        ratio: '',
        reached: namesProcessBytes <= 1_000 * MB,
      },
    ],
    details: {
      endpoints: { count: endpoints, ...withEndpoints },
      names: { count: names, ...withNames },
      etcd,
    },
    notes: [
      `server-memory: resident memory after 30 idle seconds and garbage collection, with the store in memory. Right after the last of 100,000 endpoints it is ${mb((withEndpoints.full.atOnce - withEndpoints.empty.rss) * scale)} above empty, garbage and the young generation included. The empty server takes ${mb(withEndpoints.empty.rss)}. ${perService} endpoints per service, one request per endpoint (${Math.round(withEndpoints.seconds)} s in all); names by import, 2,000 per request (${Math.round(withNames.seconds)} s).`,
    ],
  };
}

/** Memory of a new server, empty and after `fill`. */
async function measureFilled(context, fill) {
  const server = await startBundledServer(context, { options: limits, execArgv: ['--expose-gc'] });
  try {
    const empty = await server.child.call('memory', { seconds: context.quick ? 1 : 10 });
    const start = performance.now();
    await fill(server);
    const seconds = (performance.now() - start) / 1_000;
    const status = await sendJson(server.pool, '/v1/status');
    const full = await server.child.call('memory', { seconds: context.quick ? 1 : 30 });
    return { empty, full, seconds, status };
  } finally {
    await server.end();
  }
}

async function measureEndpoints(context, count) {
  const result = await measureFilled(context, ({ origin }) =>
    registerAll(
      origin,
      Array.from({ length: count }, (_, i) => registration(i)),
    ),
  );
  if (result.status.endpoints !== count)
    throw new Error(`The server must have ${count} endpoints; got ${result.status.endpoints}`);
  return result;
}

async function measureNames(context, count) {
  const batchSize = 2_000;
  const result = await measureFilled(context, async ({ pool }) => {
    for (let from = 0; from < count; from += batchSize) {
      let lines = '';
      for (let i = from; i < Math.min(count, from + batchSize); i++)
        lines += `{"kind":"service","name":"/bench/team-${Math.floor(i / 1_000)}/service-${i}"}\n`;
      await sendJson(pool, '/v1/import', lines);
    }
  });
  if (result.status.services !== count)
    throw new Error(`The server must have ${count} services; got ${result.status.services}`);
  return result;
}

/** Memory of etcd with each registration as one value. */
async function measureEtcd(context, count) {
  const etcd = await startEtcdServer(context);
  if (typeof etcd === 'string') return etcd;
  try {
    const empty = (await processUsage(etcd.pid))?.rss;
    const batchSize = 100;
    const starts = Array.from({ length: count / batchSize }, (_, i) => i * batchSize);
    await forEachConcurrently(starts, 16, (from) => {
      const success = Array.from({ length: batchSize }, (_, i) => {
        const value = registration(from + i);
        const key = base64(`${value.name}/${value.id}`);
        return { request_put: { key, value: base64(JSON.stringify(value)) } };
      });
      return sendJson(etcd.pool, '/v3/kv/txn', { success });
    });
    const full = (await processUsage(etcd.pid))?.rss;
    if (empty === undefined || full === undefined)
      return 'this system does not report the memory of a process';
    return { empty, full, version: await etcdVersion(context) };
  } finally {
    await etcd.end();
  }
}

/** Durable registrations; each response follows the sync of its record. */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { base64, etcdVersion } from '../lib/etcd.js';
import { temporaryFolder } from '../lib/temporary-folder.js';
import { throughputResult, throughputRounds } from '../lib/throughput-row.js';
import { startEtcdServer, startBundledServer } from '../lib/registry-servers.js';
import { connections, splitByConnection, requestBytes } from '../lib/registry-requests.js';
import { quantile } from '../lib/statistics.js';

export const id = 'registrations';
export const title = 'durable registrations, 64 writers';

/** Each writer registers 15 instances of its own service repeatedly, as restarts of the instances do. */
const registrations = Array.from({ length: 15 * connections }, (_, i) => ({
  name: `/bench/writer-${i % connections}`,
  id: `instance-${i}`,
  addresses: [`http://10.0.${i % 250}.1:8080`],
  host: `host-${i % 7}`,
  zone: 'zone-a',
  version: '2.1.0',
  attributes: { rack: String(i % 10) },
  leaseMs: 3_600_000,
}));

/** The requests of the load, by connection. */
export const prepareRequests = async () =>
  splitByConnection(registrations.map((registration) => requestBytes('/v1/register', registration)));

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const ours = await startBundledServer(context, { durable: true });
  const peers = /** @type {import('../lib/registry-servers.js').RegistryServer[]} */ ([]);
  try {
    /** @type {Record<string, import('../lib/throughput-row.js').LoadedServer>} */
    const servers = {
      ours: { title: 'bundled server', port: ours.port, pid: ours.pid, requests: await prepareRequests() },
    };
    const etcd = await startEtcdServer(context);
    if (typeof etcd !== 'string') {
      peers.push(etcd);
      const requests = registrations.map((registration) =>
        requestBytes('/v3/kv/put', {
          key: base64(`${registration.name}/${registration.id}`),
          value: base64(JSON.stringify(registration)),
        }),
      );
      servers.etcd = {
        title: `etcd ${await etcdVersion(context)} puts, gateway`,
        port: etcd.port,
        pid: etcd.pid,
        requests: splitByConnection(requests),
      };
    }
    const sync = measureSyncMs();
    const samples = await throughputRounds(context, servers, {
      rounds: context.quick ? 3 : 6,
      seconds: context.quick ? 1 : 3,
    });
    return {
      ...throughputResult(servers, samples, {
        what: '64 writers, 15 endpoints each',
        base: servers.etcd && 'etcd',
        goal: 20_000,
        plot: 'registrations',
        plotTitle: 'Durable registrations per second',
        absent: typeof etcd === 'string' ? [`etcd not measured: ${etcd}`] : [],
      }),
      notes: [
        `registrations: both servers write to the same disk, where writing and syncing 4 KB takes ${quantile(sync, 0.5).toFixed(2)} ms (p99 ${quantile(sync, 0.99).toFixed(2)}). etcd stores each registration as one value, without a lease.`,
      ],
    };
  } finally {
    await Promise.all([ours, ...peers].map((server) => server.end()));
  }
}

/** Durations of a 4 KB write with sync, in ms. */
function measureSyncMs() {
  const folder = temporaryFolder();
  const file = openSync(join(folder.path, 'sync'), 'w');
  try {
    const block = Buffer.alloc(4_096, 7);
    return Array.from({ length: 100 }, () => {
      const start = performance.now();
      writeSync(file, block);
      fdatasyncSync(file);
      return performance.now() - start;
    });
  } finally {
    closeSync(file);
    folder.remove();
  }
}

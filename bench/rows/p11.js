/** P11: durable registrations: each is answered only after its sync. */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { base64, etcdVersion } from '../lib/etcd.js';
import { newFolder } from '../lib/folders.js';
import { rateResult, rateRounds } from '../lib/rate-row.js';
import { etcdOrWhy, startOurs } from '../lib/registries.js';
import { connections, dealt, requestBytes } from '../lib/requests.js';
import { quantile } from '../lib/stats.js';

export const id = 'P11';
export const title = 'durable registrations, 64 writers';

/** Each writer registers 15 instances of a service of its own, again and again: what every restart of them does. */
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

/** What a reference server is asked, by connection. */
export const fill = async () =>
  dealt(registrations.map((registration) => requestBytes('/v1/register', registration)));

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const ours = await startOurs(context, { durable: true });
  const others = /** @type {import('../lib/registries.js').Running[]} */ ([]);
  try {
    /** @type {Record<string, import('../lib/rate-row.js').Asked>} */
    const servers = {
      ours: { title: 'reference server', port: ours.port, pid: ours.pid, requests: await fill() },
    };
    const etcd = await etcdOrWhy(context);
    if (typeof etcd !== 'string') {
      others.push(etcd);
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
        requests: dealt(requests),
      };
    }
    const sync = syncMs();
    const samples = await rateRounds(context, servers, {
      rounds: context.quick ? 3 : 6,
      seconds: context.quick ? 1 : 3,
    });
    return {
      ...rateResult(servers, samples, {
        what: '64 writers, 15 endpoints each',
        base: servers.etcd && 'etcd',
        goal: 20_000,
        plot: 'p11',
        plotTitle: 'P11  Durable registrations a second',
        absent: typeof etcd === 'string' ? [`etcd not measured here: ${etcd}`] : [],
      }),
      notes: [
        `P11: both write to the same disk, where writing and syncing 4 KB takes ${quantile(sync, 0.5).toFixed(2)} ms (p99 ${quantile(sync, 0.99).toFixed(2)}). etcd gets the same facts as one value a key, without a lease.`,
      ],
    };
  } finally {
    await Promise.all([ours, ...others].map((server) => server.end()));
  }
}

/** What the disk takes for a small write that is synced, in ms. */
function syncMs() {
  const folder = newFolder();
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

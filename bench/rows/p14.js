/** P14: what many endpoints and many names take of the server's memory. */
import { base64, etcdVersion } from '../lib/etcd.js';
import { processFacts } from '../lib/process-facts.js';
import { etcdOrWhy, startOurs } from '../lib/registries.js';
import { forAll, register, say } from '../lib/requests.js';

export const id = 'P14';
export const title = 'memory of the server';

const MB = 1e6;
const perService = 10;

/** An endpoint as services say it. @param {number} i */
const endpoint = (i) => ({
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
  const held = await ofEndpoints(context, endpoints);
  context.log(`${endpoints.toLocaleString('en')} endpoints`);
  const etcd = await ofEtcd(context, endpoints);
  context.log('etcd');
  const named = await ofNames(context, names);
  context.log(`${names.toLocaleString('en')} names`);

  // A short run looks at a tenth, and what an entry takes is much the same.
  const scale = 100_000 / endpoints;
  const mb = (/** @type {number} */ bytes) => `${(bytes / MB).toFixed(0)} MB`;
  const more = (held.full.rss - held.empty.rss) * scale;
  const whole = named.empty.rss + (named.full.rss - named.empty.rss) * scale;
  const scaled = context.quick ? `, ${scale} × what a tenth takes` : '';
  return {
    verdicts: [
      {
        what: `100,000 endpoints, above empty${scaled}`,
        goal: '≤ 112 MB',
        ours: mb(more),
        peers:
          typeof etcd === 'string'
            ? `etcd not measured here: ${etcd}`
            : `etcd ${etcd.version} ${mb((etcd.full - etcd.empty) * scale)}`,
        ratio: '',
        reached: more <= 112 * MB,
      },
      {
        what: `1,000,000 names, all of the process${scaled}`,
        goal: '≤ 1,000 MB',
        ours: mb(whole),
        peers: '',
        ratio: '',
        reached: whole <= 1_000 * MB,
      },
    ],
    details: { endpoints: { count: endpoints, ...held }, names: { count: names, ...named }, etcd },
    notes: [
      `P14: resident memory after 30 s of rest, rubbish collected, with the store in memory (right after the last of 100,000 endpoints ${mb((held.full.atOnce - held.empty.rss) * scale)} above empty, rubbish and the engine’s room for new objects among it); the server alone takes ${mb(held.empty.rss)}. Endpoints came ${perService} to a service, one message each (${Math.round(held.seconds)} s in all); names by import of 20,000 at a time (${Math.round(named.seconds)} s).`,
    ],
  };
}

/** Measures before and after something is put into a new server. */
async function filled(context, fill) {
  const server = await startOurs(context, { execArgv: ['--expose-gc'] });
  try {
    const empty = await server.child.ask('memory', { seconds: context.quick ? 1 : 10 });
    const start = performance.now();
    await fill(server);
    const seconds = (performance.now() - start) / 1_000;
    const status = await say(server.pool, '/v1/status');
    const full = await server.child.ask('memory', { seconds: context.quick ? 1 : 30 });
    return { empty, full, seconds, status };
  } finally {
    await server.end();
  }
}

async function ofEndpoints(context, count) {
  const result = await filled(context, ({ origin }) =>
    register(
      origin,
      Array.from({ length: count }, (_, i) => endpoint(i)),
    ),
  );
  if (result.status.endpoints !== count)
    throw new Error(`The server has ${result.status.endpoints} endpoints`);
  return result;
}

async function ofNames(context, count) {
  const lot = 20_000;
  const result = await filled(context, async ({ pool }) => {
    for (let from = 0; from < count; from += lot) {
      let lines = '';
      for (let i = from; i < Math.min(count, from + lot); i++)
        lines += `{"kind":"service","name":"/bench/team-${Math.floor(i / 1_000)}/service-${i}"}\n`;
      await say(pool, '/v1/import', lines);
    }
  });
  if (result.status.services !== count) throw new Error(`The server has ${result.status.services} services`);
  return result;
}

/** The same facts as one value a key. */
async function ofEtcd(context, count) {
  const etcd = await etcdOrWhy(context);
  if (typeof etcd === 'string') return etcd;
  try {
    const empty = (await processFacts(etcd.pid))?.rss;
    const lot = 100;
    const starts = Array.from({ length: count / lot }, (_, i) => i * lot);
    await forAll(starts, 16, (from) => {
      const success = Array.from({ length: lot }, (_, i) => {
        const value = endpoint(from + i);
        const key = base64(`${value.name}/${value.id}`);
        return { request_put: { key, value: base64(JSON.stringify(value)) } };
      });
      return say(etcd.pool, '/v3/kv/txn', { success });
    });
    const full = (await processFacts(etcd.pid))?.rss;
    if (empty === undefined || full === undefined) return 'this system does not tell the memory of a process';
    return { empty, full, version: await etcdVersion(context) };
  } finally {
    await etcd.end();
  }
}

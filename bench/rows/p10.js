/** P10: look-ups over HTTP, beside etcd's gateway and a Map behind node:http, all with the same answers. */
import { base64, etcdVersion } from '../lib/etcd.js';
import { rateResult, rateRounds } from '../lib/rate-row.js';
import { etcdOrWhy, startMap, startOurs } from '../lib/registries.js';
import { connections, dealt, forAll, register, requestBytes, say } from '../lib/requests.js';

export const id = 'P10';
export const title = 'look-ups over HTTP, 64 connections';

const names = Array.from({ length: 300 }, (_, i) => `/bench/service-${i}`);

/** Three endpoints each. */
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

const lookUp = (/** @type {string} */ name) => `/v1/resolve?name=${encodeURIComponent(name)}`;

/** Look-ups of all names, by connection. */
const requests = dealt(names.map((name) => requestBytes(lookUp(name))));

/**
 * Fills a reference server, and says what it is asked.
 *
 * @param {import('../lib/registries.js').Running} server
 */
export async function fill({ origin }) {
  await register(origin, registrations);
  return requests;
}

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const ours = await startOurs(context);
  const others = /** @type {import('../lib/registries.js').Running[]} */ ([]);
  try {
    await fill(ours);
    /** @type {Record<string, string>} */
    const answers = {};
    for (const name of names) answers[name] = JSON.stringify(await say(ours.pool, lookUp(name)));

    const map = await startMap(answers);
    others.push(map);
    /** @type {Record<string, import('../lib/rate-row.js').Asked>} */
    const servers = {
      ours: { title: 'reference server', port: ours.port, pid: ours.pid, requests },
      map: { title: 'Map behind node:http', port: map.port, pid: map.pid, requests },
    };
    const etcd = await etcdOrWhy(context);
    if (typeof etcd !== 'string') {
      others.push(etcd);
      const put = (/** @type {string} */ name) =>
        say(etcd.pool, '/v3/kv/put', { key: base64(name), value: base64(answers[name]) });
      await forAll(names, connections, put);
      servers.etcd = {
        title: `etcd ${await etcdVersion(context)}, gateway`,
        port: etcd.port,
        pid: etcd.pid,
        requests: dealt(
          names.map((name) => requestBytes('/v3/kv/range', { key: base64(name), serializable: true })),
        ),
      };
    }
    const samples = await rateRounds(context, servers, {
      rounds: context.quick ? 3 : 5,
      seconds: context.quick ? 0.8 : 2.5,
    });
    const bytes = Math.round(
      Object.values(answers).reduce((sum, { length }) => sum + length, 0) / names.length,
    );
    const loadUs = samples.ours.loadUs.reduce((sum, value) => sum + value, 0) / samples.ours.loadUs.length;
    return {
      ...rateResult(servers, samples, {
        what: '300 names with 3 endpoints each',
        base: servers.etcd && 'etcd',
        goal: 40_000,
        p99Goal: 5,
        plot: 'p10',
        plotTitle: 'P10  Look-ups a second',
        absent: typeof etcd === 'string' ? [`etcd not measured here: ${etcd}`] : [],
      }),
      notes: [
        `P10: answers of ${bytes} bytes, the same from all; etcd is asked for what it has itself (serializable). Load is made of bytes prepared beforehand over ${connections} raw connections, one request at a time on each; making it costs ${loadUs.toFixed(1)} µs CPU per answer on the same machine.`,
      ],
    };
  } finally {
    await Promise.all([ours, ...others].map((server) => server.end()));
  }
}

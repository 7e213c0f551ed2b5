/** Tickets: how many a secured server issues per second, and the issuer alone. */
import { Child } from '../lib/child-process.js';
import { connections, forEachConcurrently, requestBytes, sendJson } from '../lib/registry-requests.js';
import { startSecuredServer, tlsOf } from '../lib/secured-registry.js';
import { median, seededRandom, shuffled, spread } from '../lib/statistics.js';
import { formatRate, spreadsOf, throughputRounds } from '../lib/throughput-row.js';
import { ratioText } from '../lib/table.js';

export const id = 'tickets';
export const title = 'tickets issued per second';

const goal = 5_000;
const names = Array.from({ length: connections }, (_, i) => `/bench/service-${i}`);

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const registry = await startSecuredServer(context);
  const signing = new Child('processes/ticket-issuer.js');
  try {
    await registry.allow('/bench/web', '/bench/**', ['call']);
    const client = await registry.enrol('/bench/web');
    const registrations = names.flatMap((name, i) =>
      [1, 2, 3].map((at) => ({
        name,
        id: `instance-${i}-${at}`,
        addresses: [`https://10.0.${i}.${at}:8443`],
        leaseMs: 3_600_000,
      })),
    );
    await forEachConcurrently(registrations, connections, (registration) =>
      sendJson(registry.pool, '/v1/register', registration),
    );
    const { port, pid } = registry;
    const tls = tlsOf(client.identity);
    const load = (/** @type {string} */ loadTitle, /** @type {(name: string) => Buffer} */ request) => ({
      ...{ title: loadTitle, port, pid, tls },
      requests: names.map((name) => [request(name)]),
    });
    const samples = await throughputRounds(
      context,
      {
        tickets: load('tickets', (name) => requestBytes('/v1/tickets', { service: name })),
        lookups: load('lookups', (name) => requestBytes(`/v1/resolve?name=${encodeURIComponent(name)}`)),
      },
      { rounds: context.quick ? 3 : 8, seconds: context.quick ? 1 : 2 },
    );
    const signatures = await signatureRounds(context, signing);
    const perSecond = (/** @type {number[]} */ rates) =>
      `${Math.round(median(rates)).toLocaleString('en')}/s`;
    const ratioOf = (/** @type {number[]} */ ours, /** @type {number[]} */ base) =>
      ratioText(spread(ours.map((value, i) => value / base[i])));
    return {
      verdicts: [
        {
          what: '64 connections, 64 services with 3 instances each',
          goal: '≥ 5,000/s',
          ours: formatRate(samples.tickets),
          peers: `lookups over the same TLS ${formatRate(samples.lookups)}`,
          ratio: `${ratioOf(samples.tickets.rate, samples.lookups.rate)} × lookups`,
          reached: median(samples.tickets.rate) >= goal,
        },
        {
          what: 'the issuer alone, 64 at a time',
          goal: '≥ 5,000/s',
          ours: perSecond(signatures.issuer),
          peers: `node:crypto, the signature alone ${perSecond(signatures.crypto)}`,
          ratio: `${ratioOf(signatures.issuer, signatures.crypto)} × node:crypto`,
          reached: median(signatures.issuer) >= goal,
        },
      ],
      details: {
        ...spreadsOf(samples),
        issuer: Object.fromEntries(Object.entries(signatures).map(([key, rates]) => [key, spread(rates)])),
      },
      notes: [
        'tickets: one client, with one request in flight on each connection. The load generator runs on the same machine. A ticket response contains the keys and certificates of the instances.',
      ],
    };
  } finally {
    await signing.end();
    await registry.end();
  }
}

/** @param {import('../lib/context.js').Context} context @param {Child} signing */
async function signatureRounds(context, signing) {
  await signing.call('prepare', { subject: context.subject });
  const random = seededRandom(context.seed);
  const signers = /** @type {const} */ (['issuer', 'crypto']);
  /** @type {Record<typeof signers[number], number[]>} */
  const samples = { issuer: [], crypto: [] };
  const rounds = context.quick ? 3 : 12;
  for (let round = -2; round < rounds; round++)
    for (const signer of shuffled(signers, random)) {
      const rate = await signing.call('run', { signer, count: 4_000 });
      if (round >= 0) samples[signer].push(rate);
    }
  return samples;
}

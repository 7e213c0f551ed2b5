/** Handshakes: new connections with proof of both keys, full and resumed, beside node:tls. */
import { Child } from '../lib/child-process.js';
import { startSecuredFleet } from '../lib/secured-registry.js';
import { median, seededRandom, shuffled, spread } from '../lib/statistics.js';
import { ratioText } from '../lib/table.js';

export const id = 'handshakes';
export const title = 'new connections per second, one at a time';

const kinds = /** @type {const} */ ([
  { key: 'full', isFull: true },
  { key: 'resumed', isFull: false },
]);
const clients = /** @type {const} */ (['dial', 'tls']);

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const fleet = await startSecuredFleet(context);
  const driver = new Child('processes/handshake-driver.js');
  try {
    const { ports, ...client } = fleet.client;
    await driver.call('prepare', { ...client, port: ports.bare, subject: context.subject });
    const runs = kinds.flatMap((kind) => clients.map((one) => ({ ...kind, client: one })));
    /** @type {Record<string, { perSecond: number[], cpuUs: number[] }>} */
    const samples = Object.fromEntries(
      runs.map((one) => [`${one.client} ${one.key}`, { perSecond: [], cpuUs: [] }]),
    );
    const random = seededRandom(context.seed);
    const rounds = context.quick ? 5 : 20;
    for (let round = -1; round < rounds; round++)
      for (const { client: one, key, isFull } of shuffled(runs, random)) {
        const { perSecond, cpuUs } = await driver.call('run', { client: one, isFull, count: 100 });
        if (round < 0) continue;
        samples[`${one} ${key}`].perSecond.push(perSecond);
        samples[`${one} ${key}`].cpuUs.push(cpuUs);
      }
    const show = (/** @type {{ perSecond: number[], cpuUs: number[] }} */ { perSecond, cpuUs }) =>
      `${median(perSecond).toFixed(0)}/s, ${(median(cpuUs) / 1_000).toFixed(2)} ms CPU`;
    return {
      verdicts: kinds.map(({ key }) => {
        const [ours, peer] = clients.map((one) => samples[`${one} ${key}`]);
        return {
          what: `${key} handshakes`,
          goal: '',
          ours: show(ours),
          peers: `node:tls ${show(peer)}`,
          ratio: ratioText(spread(ours.cpuUs.map((value, i) => value / peer.cpuUs[i]))),
          reached: undefined,
        };
      }),
      details: Object.fromEntries(
        Object.entries(samples).map(([key, { perSecond, cpuUs }]) => [
          key,
          { perSecond: spread(perSecond), cpuUs: spread(cpuUs) },
        ]),
      ),
      notes: [
        'handshakes: Ed25519 keys on both sides, TLS 1.3, client and server in processes of their own. The ratio compares the client CPU per connection.',
      ],
    };
  } finally {
    await driver.end();
    await fleet.end();
  }
}

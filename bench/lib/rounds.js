/**
 * What a call costs, side by side: interleaved rounds over processes of their own, in an order shuffled by the seed.
 * A ratio compares two ways within one round, a few hundred ms apart, so that a machine that is busy now and idle then
 * treats both alike. Several generations of processes, since the optimiser's luck lasts as long as a process.
 */
import { Child } from './children.js';
import { seeded, shuffled, spread } from './stats.js';

/**
 * @typedef {object} Contest
 * @property {Record<string, { way: string, servers: number }>} contestants - by the key that results go by
 * @property {{ concurrency: number, rounds: number, calls: number, warmCalls: number }[]} loads - rounds of so many calls in each generation
 * @property {number} generations
 */

/** @typedef {Record<string, { cpuUs: number[], wallUs: number[] }>} Samples */

/**
 * @param {import('./context.js').Context} context
 * @param {Contest} contest
 * @returns {Promise<Map<number, Samples>>} by concurrency
 */
export async function contest(context, { contestants, loads, generations }) {
  const keys = Object.keys(contestants);
  const random = seeded(context.seed);
  /** @type {Map<number, Samples>} */
  const results = new Map(
    loads.map(({ concurrency }) => [
      concurrency,
      Object.fromEntries(keys.map((key) => [key, { cpuUs: [], wallUs: [] }])),
    ]),
  );
  const { child: server, origins } = await context.serve(['a', 'b', 'c'].map((replica) => ({ replica })));
  try {
    for (let generation = 0; generation < generations; generation++) {
      /** @type {Record<string, Child>} */
      const children = {};
      try {
        for (const key of shuffled(keys, random)) {
          const { way, servers } = contestants[key];
          children[key] = new Child('./client.js');
          await children[key].ask('prepare', {
            way,
            origins: origins.slice(0, servers),
            subject: context.subject,
          });
        }
        for (const { concurrency, rounds, calls, warmCalls } of loads) {
          for (const key of shuffled(keys, random)) {
            await children[key].ask('closed', { calls: warmCalls, concurrency });
          }
          for (let round = 0; round < rounds; round++) {
            for (const key of shuffled(keys, random)) {
              const { cpuUs, wallUs } = await children[key].ask('closed', {
                calls,
                concurrency,
              });
              const samples = /** @type {Samples} */ (results.get(concurrency))[key];
              samples.cpuUs.push(cpuUs);
              samples.wallUs.push(wallUs);
            }
          }
          context.log(`generation ${generation + 1} of ${generations}, concurrency ${concurrency}`);
        }
      } finally {
        await Promise.all(Object.values(children).map((child) => child.end()));
      }
    }
  } finally {
    await server.end();
  }
  return results;
}

/**
 * Ratios of one contestant to another, round by round.
 *
 * @param {Samples} samples
 * @param {string} key
 * @param {string} base
 * @param {'cpuUs' | 'wallUs'} measure
 */
export function ratio(samples, key, base, measure = 'cpuUs') {
  return spread(samples[key][measure].map((value, i) => value / samples[base][measure][i]));
}

/**
 * What a call costs, side by side: interleaved rounds over processes of their own, in an order shuffled by the seed.
 * A ratio compares two ways within one round, a few hundred ms apart, so that a machine that is busy now and idle then
 * treats both alike. Several generations of processes, since the optimiser's luck lasts as long as a process.
 */
import { Child } from './children.js';
import { seeded, shuffled, spread } from './stats.js';

/** @typedef {{ way: string, servers: number, copies?: number }} Contestant - copies: how many processes do the same; their mean counts */

/**
 * @typedef {object} Contest
 * @property {Record<string, Contestant>} contestants - by the key that results go by
 * @property {{ concurrency: number, rounds: number, calls: number, warmCalls: number }[]} loads - rounds of so many calls in each generation
 * @property {number} generations
 * @property {number} seconds - another generation is not begun when it would end later than this
 */

/** @typedef {Record<'cpuUs' | 'wallUs', number[][]>} Rounds - by round, then by copy */
/** @typedef {Record<string, Rounds>} Samples */

/**
 * @param {import('./context.js').Context} context
 * @param {Contest} contest
 * @returns {Promise<Map<number, Samples>>} by concurrency
 */
export async function contest(context, { contestants, loads, generations, seconds }) {
  const keys = Object.keys(contestants);
  const runners = keys.flatMap((key) =>
    Array.from({ length: contestants[key].copies ?? 1 }, (_, copy) => ({ key, copy, ...contestants[key] })),
  );
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
    const began = performance.now();
    for (let generation = 1; generation <= generations; generation++) {
      const spent = (performance.now() - began) / 1_000;
      // The same for all, whatever the figures say so far: a busy machine gets fewer rounds, not other ones.
      if (generation > 1 && (spent * generation) / (generation - 1) > seconds) break;
      /** @type {Map<object, Child>} */
      const children = new Map();
      const ask = (runner, task, input) => /** @type {Child} */ (children.get(runner)).ask(task, input);
      try {
        for (const runner of shuffled(runners, random)) {
          const { way, servers } = runner;
          children.set(runner, new Child('./client.js'));
          await ask(runner, 'prepare', { way, origins: origins.slice(0, servers), subject: context.subject });
        }
        for (const { concurrency, rounds, calls, warmCalls } of loads) {
          const samples = /** @type {Samples} */ (results.get(concurrency));
          for (const runner of shuffled(runners, random)) {
            await ask(runner, 'closed', { calls: warmCalls, concurrency });
          }
          for (let round = 0; round < rounds; round++) {
            for (const key of keys) for (const measure of measures) samples[key][measure].push([]);
            for (const runner of shuffled(runners, random)) {
              const cost = await ask(runner, 'closed', { calls, concurrency });
              for (const measure of measures) {
                /** @type {number[]} */ (samples[runner.key][measure].at(-1))[runner.copy] = cost[measure];
              }
            }
          }
          context.log(`generation ${generation} of ${generations}, concurrency ${concurrency}`);
        }
      } finally {
        await Promise.all([...children.values()].map((child) => child.end()));
      }
    }
  } finally {
    await server.end();
  }
  return results;
}

const measures = /** @type {const} */ (['cpuUs', 'wallUs']);

/** Mean over the copies, for each round. @param {number[][]} rounds */
export const means = (rounds) =>
  rounds.map((copies) => copies.reduce((sum, value) => sum + value, 0) / copies.length);

/** What the second copy takes of what the first takes, round by round: how far the method itself is off. @param {number[][]} rounds */
export const control = (rounds) => spread(rounds.map(([first, second]) => second / first));

/**
 * Ratios of one contestant to another, round by round.
 *
 * @param {Samples} samples
 * @param {string} key
 * @param {string} base
 * @param {'cpuUs' | 'wallUs'} measure
 */
export function ratio(samples, key, base, measure = 'cpuUs') {
  const below = means(samples[base][measure]);
  return spread(means(samples[key][measure]).map((value, i) => value / below[i]));
}

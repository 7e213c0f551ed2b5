/**
 * What a call costs, side by side: two ways in one process, in short rounds taken in turn, so that a machine that is busy now
 * and idle then treats both alike. A ratio compares what lies next to each other. Several processes for each pair, begun
 * in an order shuffled by the seed, since the optimiser's luck lasts as long as a process.
 */
import { Child } from './children.js';
import { seeded, shuffled, spread } from './stats.js';

/** @typedef {{ way: string, servers: number }} Contestant */
/** @typedef {{ concurrency: number, rounds: number, calls: number, warmCalls: number }} Load - rounds of twice so many calls of each way, in each process */
/** @typedef {Record<'cpuUs' | 'wallUs', number[]>} Rounds - per call, round by round */
/** @typedef {Record<'base' | 'rival', Rounds>} Duel - the same rounds of both */

/**
 * @typedef {object} Contest
 * @property {Record<string, Contestant>} contestants
 * @property {{ base: string, rival: string }[]} pairs - keys of contestants; a base against itself is the control
 * @property {Load[]} loads
 * @property {number} generations - processes for each pair
 * @property {number} seconds - another generation is not begun when it would end later than this
 */

/**
 * @param {import('./context.js').Context} context
 * @param {Contest} contest
 * @returns {Promise<Map<number, Duel[]>>} by concurrency, then by pair
 */
export async function contest(context, { contestants, pairs, loads, generations, seconds }) {
  const random = seeded(context.seed);
  /** @type {Map<number, Duel[]>} */
  const results = new Map(
    loads.map(({ concurrency }) => [concurrency, pairs.map(() => ({ base: none(), rival: none() }))]),
  );
  const { child: server, origins } = await context.serve(['a', 'b', 'c'].map((replica) => ({ replica })));
  try {
    const made = (key) => ({
      way: contestants[key].way,
      origins: origins.slice(0, contestants[key].servers),
    });
    const began = performance.now();
    for (let generation = 1; generation <= generations; generation++) {
      const spent = (performance.now() - began) / 1_000;
      // The same for all, whatever the figures say so far: a busy machine gets fewer rounds, not other ones.
      // Always an even number of them, since who is made first is favoured, and that changes with each.
      if (generation % 2 === 1 && generation > 1 && (spent * (generation + 1)) / (generation - 1) > seconds)
        break;
      for (const pair of shuffled(pairs, random)) {
        const client = new Child('./client.js');
        try {
          /** @type {Duel[]} */
          const byLoad = await client.ask('duel', {
            base: made(pair.base),
            rival: made(pair.rival),
            rivalFirst: generation % 2 === 0,
            subject: context.subject,
            seed: context.seed + generation,
            loads,
          });
          byLoad.forEach((rounds, i) => {
            const all = /** @type {Duel[]} */ (results.get(loads[i].concurrency))[pairs.indexOf(pair)];
            for (const side of sides)
              for (const measure of measures) all[side][measure].push(...rounds[side][measure]);
          });
        } finally {
          await client.end();
        }
      }
      context.log(`generation ${generation} of ${generations}`);
    }
  } finally {
    await server.end();
  }
  return results;
}

const sides = /** @type {const} */ (['base', 'rival']);
const measures = /** @type {const} */ (['cpuUs', 'wallUs']);
/** @returns {Rounds} */
const none = () => ({ cpuUs: [], wallUs: [] });

/**
 * Ratios of a rival to its base, round by round.
 *
 * @param {Duel} duel
 * @param {'cpuUs' | 'wallUs'} measure
 */
export const ratio = ({ base, rival }, measure) =>
  spread(rival[measure].map((value, i) => value / base[measure][i]));

/**
 * Paired rounds: two clients in one process, in short alternating rounds, so that a load change on the machine affects
 * both. A ratio compares adjacent rounds. Each pair is measured in several processes, in an order shuffled by the seed,
 * since optimizer decisions last as long as a process.
 */
import { Child } from './child-process.js';
import { seededRandom, shuffled, spread } from './statistics.js';

/** @typedef {{ client: string, servers: number }} Variant - `servers`: how many of the origins the client gets */
/** @typedef {{ concurrency: number, rounds: number, calls: number, warmCalls: number }} Load - each round makes `2 * calls` calls with each client, in each process */
/** @typedef {Record<'cpuUs' | 'wallUs', number[]>} Rounds - per call, one value per round */
/** @typedef {Record<'base' | 'candidate', Rounds>} PairSamples - the same rounds of both */

/**
 * @typedef {object} PairPlan
 * @property {Record<string, Variant>} variants
 * @property {{ base: string, candidate: string }[]} pairs - keys of variants; a base with itself is the control
 * @property {Load[]} loads
 * @property {number} generations - processes for each pair
 * @property {number} seconds - no generation starts that would end later than this
 * @property {(context: import('./context.js').Context) => Promise<Servers>} [startServers] - default: three replicas
 */

/** @typedef {{ origins: string[], secured?: import('./secured-registry.js').FleetClient, end: () => Promise<unknown> }} Servers */

/** @param {import('./context.js').Context} context @returns {Promise<Servers>} */
async function startThreeReplicas(context) {
  const { child, origins } = await context.startReplicas(['a', 'b', 'c'].map((replica) => ({ replica })));
  return { origins, end: () => child.end() };
}

/**
 * @param {import('./context.js').Context} context
 * @param {PairPlan} plan
 * @returns {Promise<Map<number, PairSamples[]>>} by concurrency, then by pair
 */
export async function runPairs(context, plan) {
  const { variants, pairs, loads, generations, seconds, startServers = startThreeReplicas } = plan;
  const random = seededRandom(context.seed);
  /** @type {Map<number, PairSamples[]>} */
  const results = new Map(
    loads.map(({ concurrency }) => [
      concurrency,
      pairs.map(() => ({ base: emptyRounds(), candidate: emptyRounds() })),
    ]),
  );
  const { origins, secured, end } = await startServers(context);
  try {
    const variantOf = (key) => ({
      client: variants[key].client,
      origins: origins.slice(0, variants[key].servers),
    });
    const startedAt = performance.now();
    for (let generation = 1; generation <= generations; generation++) {
      const elapsed = (performance.now() - startedAt) / 1_000;
      // The number does not depend on the results: a busy machine gets fewer rounds for all pairs. It is even, since
      // the client created first is favoured, and the order changes with each generation.
      if (generation % 2 === 1 && generation > 1 && (elapsed * (generation + 1)) / (generation - 1) > seconds)
        break;
      for (const pair of shuffled(pairs, random)) {
        const driver = new Child('processes/client-driver.js');
        try {
          /** @type {PairSamples[]} */
          const byLoad = await driver.call('comparePair', {
            base: variantOf(pair.base),
            candidate: variantOf(pair.candidate),
            candidateFirst: generation % 2 === 0,
            subject: context.subject,
            secured,
            seed: context.seed + generation,
            loads,
          });
          byLoad.forEach((rounds, i) => {
            const all = /** @type {PairSamples[]} */ (results.get(loads[i].concurrency))[pairs.indexOf(pair)];
            for (const side of sides)
              for (const measure of measures) all[side][measure].push(...rounds[side][measure]);
          });
        } finally {
          await driver.end();
        }
      }
      context.log(`generation ${generation} of ${generations}`);
    }
  } finally {
    await end();
  }
  return results;
}

const sides = /** @type {const} */ (['base', 'candidate']);
const measures = /** @type {const} */ (['cpuUs', 'wallUs']);
/** @returns {Rounds} */
const emptyRounds = () => ({ cpuUs: [], wallUs: [] });

/**
 * Ratios of a candidate to its base, one value per round.
 *
 * @param {PairSamples} samples
 * @param {'cpuUs' | 'wallUs'} measure
 */
export const pairedRatio = ({ base, candidate }, measure) =>
  spread(candidate[measure].map((value, i) => value / base[measure][i]));

/**
 * The same endpoint for the same key, while it is there and not overloaded. Every clerk chooses alike without talking
 * to the others, since only the key, the instance ids and the weights decide.
 */
import type { Candidate } from '../core/candidate.js';
import type { Policy, PickerInput } from '../core/policy.js';
import { busyPending } from './busy.js';
import { hashText, mix } from './hash.js';
import { random } from './random.js';
import { relativeWeights } from './weights.js';

/** No endpoint gets more than this many times its fair part of this clerk's calls in flight. */
const maxLoadFactor = 1.25;

/**
 * Weighted rendezvous: each endpoint has a score for the key, `-weight / ln(h(key, id))` with h in (0, 1), and the
 * highest wins. Losing 1 of n moves only the keys it had; one that comes back gets the same keys back. A call without
 * a key is a random choice by weight.
 *
 * Bounded load: an endpoint that would have more than `⌈1.25 × (calls in flight + 1) × its part of the weight⌉` of this
 * clerk's calls is passed over for the next in the key's own order, so that a hot key overflows to the same few. Below
 * 8 calls in flight nobody is passed over: in a quiet clerk the bound alone is 1 and would scatter every key.
 *
 * Takes time in proportion to the number of endpoints, some 8 ns each: the exception to constant time.
 *
 * @see Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads" (arXiv 1608.01350)
 * @see promises C2.5
 */
export function affinity(): Policy {
  const keyless = random();
  return {
    name: 'affinity',
    prepare(roster: PickerInput) {
      const { candidates, all, locality } = roster;
      // Everybody, in a large fleet too, since keys have their homes among all.
      const pickRandom = keyless.prepare({ candidates, all, locality });
      const weights = relativeWeights(candidates) ?? new Float64Array(candidates.length).fill(1);
      const low = new Int32Array(candidates.length);
      const high = new Int32Array(candidates.length);
      candidates.forEach(({ endpoint }, i) => {
        const hash = hashText(endpoint.id);
        low[i] = hash | 0;
        high[i] = mix(hash / 2 ** 32);
      });
      return (context) => {
        if (context.affinity === undefined) return pickRandom(context);
        const preferred = candidates[highestScore(context.affinity, Infinity)];
        if (preferred === undefined || preferred.pending < busyPending) return preferred;
        return candidates[
          highestScore(context.affinity, (maxLoadFactor * (totalPending(candidates) + 1)) / candidates.length)
        ];
      };

      /** The best for the key of those that are not over the cap; -1 when there is none. */
      function highestScore(key: string, fairShare: number): number {
        const hash = hashText(key);
        const keyLow = hash | 0;
        const keyHigh = mix(hash / 2 ** 32);
        let found = -1;
        let highest = 0;
        for (let i = 0; i < weights.length; i++) {
          const weight = weights[i] as number;
          const leading = mix(keyLow ^ (low[i] as number));
          // -ln h ≥ 1 - h, so the score is at most weight / (1 - h): nearly all are out before a logarithm is taken.
          if (weight <= highest * ((~leading >>> 0) / 2 ** 32)) continue;
          const trailing = mix(leading ^ keyHigh ^ (high[i] as number)) >>> 12;
          // 52 bits and a half: h is never 0 and never 1.
          const score = -weight / Math.log(((leading >>> 0) * 2 ** 20 + trailing + 0.5) / 2 ** 52);
          if (score > highest && !isOverloaded(i, fairShare)) {
            found = i;
            highest = score;
          }
        }
        return found;
      }

      function isOverloaded(i: number, fairShare: number): boolean {
        const pending = (candidates[i] as Candidate).pending;
        return pending >= busyPending && pending + 1 > Math.ceil(fairShare * (weights[i] as number));
      }
    },
  };
}

function totalPending(candidates: readonly Candidate[]): number {
  let sum = 0;
  for (let i = 0; i < candidates.length; i++) sum += (candidates[i] as Candidate).pending;
  return sum;
}

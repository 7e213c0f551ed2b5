import type { Candidate } from '../core/candidate.js';
import type { PickerInput, Policy } from '../core/policy.js';
import { busyPending } from './busy-threshold.js';
import { hashText, mix } from './hash.js';
import { random } from './random.js';
import { relativeWeights } from './weights.js';

/** No endpoint gets more than this many times its fair share of this client's calls in flight. */
const maxLoadFactor = 1.25;

/**
 * Sends calls with the same key to the same endpoint, unless it is gone or overloaded. All clients pick alike without
 * coordination, since only the key, the instance ids and the weights decide.
 *
 * Weighted rendezvous hashing: each endpoint has a score for the key, `-weight / ln(h(key, id))` with h in (0, 1).
 * The highest score wins. Losing 1 of n endpoints moves only its own keys, and they return when it comes back. A call
 * without a key goes to a random endpoint by weight.
 *
 * Bounded load: an endpoint that would have more than `⌈1.25 × (calls in flight + 1) × its share of the weight⌉` of
 * this client's calls is skipped for the next one in the key's order. So a hot key overflows to the same few
 * endpoints. An endpoint with fewer than 8 calls in flight is never skipped: at low load the bound is 1 and would
 * scatter every key.
 *
 * A pick takes time proportional to the number of endpoints, about 8 ns each. All other policies take constant time.
 *
 * @see [Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads"](https://arxiv.org/abs/1608.01350)
 * @see [C2.5](../../docs/guarantees.md#c2-5)
 */
export function affinity(): Policy {
  const keyless = random();
  return {
    name: 'affinity',
    prepare(input: PickerInput) {
      const { candidates, all, locality } = input;
      // All candidates, not the subset: every client must find the same endpoint for a key.
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

      /** Index of the candidate with the highest score that is not overloaded; -1 when there is none. */
      function highestScore(key: string, fairShare: number): number {
        const hash = hashText(key);
        const keyLow = hash | 0;
        const keyHigh = mix(hash / 2 ** 32);
        let found = -1;
        let highest = 0;
        for (let i = 0; i < weights.length; i++) {
          const weight = weights[i] as number;
          const leading = mix(keyLow ^ (low[i] as number));
          // -ln h ≥ 1 - h, so the score is at most weight / (1 - h): skips nearly all candidates without a logarithm.
          if (weight <= highest * ((~leading >>> 0) / 2 ** 32)) continue;
          const trailing = mix(leading ^ keyHigh ^ (high[i] as number)) >>> 12;
          // 52 bits plus a half: h is never 0 and never 1.
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

import type { Candidate } from '../core/candidate.js';
import type { PickerInput, Policy } from '../core/policy.js';
import { busyPending } from './busy-threshold.js';
import { hashText, mix } from './hash.js';
import { random } from './random.js';
import { relativeWeights } from './weights.js';

/** An endpoint gets at most this multiple of its fair share. */
const maxLoadFactor = 1.25;

/**
 * Sends calls with the same affinity key to the same endpoint, unless that endpoint is removed or overloaded. All
 * clients choose the same endpoint without coordination.
 *
 * Weighted rendezvous hashing: the endpoint with the highest score for the key gets the call. The score is
 * `-weight / ln(h(key, id))`, where h is a hash in (0, 1). If 1 of n endpoints is removed, only the keys of this
 * endpoint move. The keys return when the endpoint returns. A call without a key goes to a random endpoint, by
 * weight.
 *
 * Bounded load: an endpoint gets at most `⌈1.25 × (n + 1) × weight / total weight⌉` calls of this client, if n calls of
 * this client are in flight. A call beyond this bound goes to the endpoint with the next lower score. Endpoints with
 * fewer than 8 calls in flight have no bound. With a bound at low load, the calls of a key would spread over many
 * endpoints.
 *
 * A pick takes about 8 ns per endpoint.
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
      // Every client must choose the same endpoint for a key, so a random subset is not used.
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

      function highestScore(key: string, fairShare: number): number {
        const hash = hashText(key);
        const keyLow = hash | 0;
        const keyHigh = mix(hash / 2 ** 32);
        let found = -1;
        let highest = 0;
        for (let i = 0; i < weights.length; i++) {
          const weight = weights[i] as number;
          const leading = mix(keyLow ^ (low[i] as number));
          // -ln h ≥ 1 - h, so a score is at most weight / (1 - h). This bound excludes nearly all candidates without
          // a logarithm.
          if (weight <= highest * ((~leading >>> 0) / 2 ** 32)) continue;
          const trailing = mix(leading ^ keyHigh ^ (high[i] as number)) >>> 12;
          // h is a 52-bit integer plus 0.5, divided by 2^52, so h is never 0 and never 1.
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

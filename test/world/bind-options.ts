import type { BindOptions } from 'binding-clerk';
import type { RandomStream } from './random-stream.js';

/**
 * Draws the policy of a binding. One binding of eight hedges, and one of sixteen uses `first-to-respond`. The calls of one of
 * four wait until the service is ready.
 */
export function drawBindOptions(
  random: RandomStream,
  hedges: RandomStream,
  waits: RandomStream,
): BindOptions {
  const policy = random.one([
    undefined,
    'random',
    'round-robin',
    'load-aware',
    'least-pending',
    'weighted',
    'primary',
    'affinity',
  ] as const);
  return {
    ...(policy && { policy }),
    ...drawHedge(hedges, policy),
    ...(policy === 'affinity' && { affinity: (path: string) => path }),
    ...(waits.chance(0.25) && { waitForReady: true }),
  };
}

function drawHedge(hedges: RandomStream, policy: string | undefined): BindOptions {
  const drawn = hedges.uniform();
  if (drawn < 1 / 16 && policy !== 'affinity') return { policy: 'first-to-respond' };
  if (drawn > 3 / 16) return {};
  return {
    hedge: hedges.one([
      true,
      { afterMs: 5 },
      { afterMs: 20, budgetRatio: 1 },
      { afterMs: 0, budgetRatio: 0.3 },
    ]),
  };
}

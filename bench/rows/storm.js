/** storm: a service at 80 % of its capacity is slow for a while; what its callers repeat decides whether it recovers. */
import { offered, storm } from '../lib/storm.js';
import { stormPlot } from '../lib/timeline.js';
import { titles } from '../lib/ways.js';
import { withoutBudget } from '../lib/without-budget.js';

export const id = 'storm';
export const title = 'slow-down at 80 % of capacity, then healed';

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const seconds = context.quick ? { before: 3, during: 8, after: 12 } : { before: 3, during: 20, after: 13 };
  const ours = {
    title: titles['world-clerk'],
    ...(await one(context, 'world-clerk', context.subject, seconds)),
  };
  const free = {
    title: 'binding-clerk without its retry budget',
    ...(await one(context, 'world-clerk', withoutBudget(context.subject), seconds)),
  };
  const loop = { title: titles['world-loop'], ...(await one(context, 'world-loop', undefined, seconds)) };

  const line = (what, goal, show, reached) => ({
    what,
    goal,
    ours: show(ours),
    peers: [free, loop].map((peer) => `${peer.title} ${show(peer)}`).join('; '),
    ratio: '',
    reached,
  });
  const until = (/** @type {number} */ ms) =>
    ms === Infinity ? `not within ${seconds.after} s` : `${ms / 1_000} s`;
  const { during } = seconds;
  const provesIt = free.recoveryMs > 10_000;
  const proof = provesIt
    ? 'Without the budget the same clerk does not recover within 10 s: what is measured is the budget.'
    : 'Without the budget the same clerk recovered within 10 s too, so this run proves nothing of the budget.';
  return {
    verdicts: [
      line(
        `calls answered of ${offered}/s: before, in the ${during} s, in the last 5 s`,
        '',
        ({ goodput }) => [goodput.before, goodput.during, goodput.after].map(Math.round).join(' · '),
        undefined,
      ),
      line(
        'from healing until ≥ 99 % of before are answered',
        '≤ 10 s',
        ({ recoveryMs }) => until(recoveryMs),
        ours.recoveryMs > 10_000 ? false : provesIt ? true : undefined,
      ),
      line(
        'from healing until ≥ 99 % of before are answered within 1 s',
        '',
        ({ promptMs }) => until(promptMs),
        undefined,
      ),
      line('sent to offered, over all', '≤ 1.15', ({ ratio }) => ratio.toFixed(2), ours.ratio <= 1.15),
    ],
    details: { ours, free, loop },
    plots: [
      {
        name: 'storm',
        svg: stormPlot(
          'storm  A slow-down at 80 % of capacity',
          `Three replicas of 100 requests/s each, ${offered}/s offered; for ${during} s every request takes ten times as long`,
          [
            { ...ours, ours: true },
            { ...free, ours: false },
            { ...loop, ours: false },
          ],
          offered,
        ),
      },
    ],
    notes: [
      `storm: ${proof} Each replica has 4 workers, 40 ms a request, and a queue with room for 1.5 s of their work; a full one answers 503, and they do work that nobody waits for any more. With a queue that never ends, what has piled up takes longer to work off than this row lasts, even if nobody repeats anything. Two client processes; a call is good if answered within 10 s, the clerk’s default deadline. The naive loop asks the next of three in turn, three times, 1 s each.`,
    ],
  };
}

/** @param {import('../lib/context.js').Context} context */
async function one(context, way, subject, seconds) {
  const result = await storm(way, subject, seconds);
  context.log(`${way}, sent ${result.ratio.toFixed(2)} × what was offered`);
  return result;
}

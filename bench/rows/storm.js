/** A service at 80 % of its capacity becomes slow for a while. Retries decide whether it recovers. */
import { offered, runRetryStorm } from '../lib/retry-storm.js';
import { stormPlot } from '../lib/timeline-plot.js';
import { clientTitles } from '../lib/clients.js';

export const id = 'storm';
export const title = 'slowdown at 80 % of capacity, then healed';

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const seconds = context.quick ? { before: 3, during: 8, after: 12 } : { before: 3, during: 20, after: 13 };
  const ours = {
    title: clientTitles['fault-clerk'],
    ...(await measure(context, 'fault-clerk', context.subject, seconds)),
  };
  const withoutBudget = {
    title: clientTitles['fault-clerk-many-retries'],
    ...(await measure(context, 'fault-clerk-many-retries', context.subject, seconds)),
  };
  const retryLoop = {
    title: clientTitles['fault-retry-loop'],
    ...(await measure(context, 'fault-retry-loop', undefined, seconds)),
  };

  const line = (what, goal, show, reached) => ({
    what,
    goal,
    ours: show(ours),
    peers: [withoutBudget, retryLoop].map((peer) => `${peer.title} ${show(peer)}`).join('; '),
    ratio: '',
    reached,
  });
  const formatRecovery = (/** @type {number} */ ms) =>
    ms === Infinity ? `not within ${seconds.after} s` : `${ms / 1_000} s`;
  const { during } = seconds;
  const budgetIsNeeded = withoutBudget.recoveryMs > 10_000;
  const budgetNote = budgetIsNeeded
    ? 'Without the budget the same clerk does not recover within 10 s, so the recovery is due to the budget.'
    : 'Without the budget the same clerk also recovered within 10 s, so this run does not show the effect of the budget.';
  return {
    verdicts: [
      line(
        `successful calls per second of ${offered} offered: before, during the ${during} s, in the last 5 s`,
        '',
        ({ goodput }) => [goodput.before, goodput.during, goodput.after].map(Math.round).join(' · '),
        undefined,
      ),
      line(
        'from healing until ≥ 99 % of the calls before succeed',
        '≤ 10 s',
        ({ recoveryMs }) => formatRecovery(recoveryMs),
        ours.recoveryMs > 10_000 ? false : budgetIsNeeded ? true : undefined,
      ),
      line(
        'from healing until ≥ 99 % of the calls before succeed within 1 s',
        '',
        ({ promptMs }) => formatRecovery(promptMs),
        undefined,
      ),
      line(
        'requests sent per call offered, whole run',
        '≤ 1.15',
        ({ ratio }) => ratio.toFixed(2),
        ours.ratio <= 1.15,
      ),
    ],
    details: { ours, withoutBudget, retryLoop },
    plots: [
      {
        name: 'storm',
        svg: stormPlot(
          'storm  A slowdown at 80 % of capacity',
          `Three replicas of 100 requests/s each, ${offered}/s offered; for ${during} s every request takes ten times as long`,
          [
            { ...ours, ours: true },
            { ...withoutBudget, ours: false },
            { ...retryLoop, ours: false },
          ],
          offered,
        ),
      },
    ],
    notes: [
      `storm: ${budgetNote} Each replica has 4 workers, 40 ms per request, and a queue of 1.5 s of their work. A full queue responds 503. Workers also process requests whose client has disconnected. With an unbounded queue the backlog would last longer than this row, even without retries. Two client processes; a call is good if it succeeds within 10 s, the clerk’s default deadline. The naive loop tries three replicas, round robin, for 1 s each.`,
    ],
  };
}

/** @param {import('../lib/context.js').Context} context */
async function measure(context, client, subject, seconds) {
  const result = await runRetryStorm(client, subject, seconds);
  context.log(`${client}, ${result.ratio.toFixed(2)} requests sent per call offered`);
  return result;
}

/** Rows that measure failed and slow calls while a replica is killed or stopped. */
import { median } from './statistics.js';
import { latencyPlot } from './timeline-plot.js';
import { faultImpact, faultTrials, rate } from './fault-trial.js';
import { isOurs, clientTitles } from './clients.js';
import { compareClients } from './compare-clients.js';

const round = (/** @type {number} */ ms) => (ms < 100 ? ms.toFixed(1) : ms.toFixed(0));

/**
 * @param {import('./context.js').Context} context
 * @param {{ fault: import('./fault-trial.js').Fault, plot: string, title: string, slowGoal: number | undefined, longestGoal: number }} row
 * @returns {Promise<import('./context.js').RowResult>}
 */
export async function faultRow(context, { fault, plot, title, slowGoal, longestGoal }) {
  const all = await faultTrials(context, fault);
  const impacts = Object.entries(all).map(([client, list]) => {
    const each = list.map(faultImpact);
    return {
      client,
      each,
      failed: each.reduce((sum, { failed }) => sum + failed, 0),
      slow: median(each.map(({ slow }) => slow)),
      longestMs: median(each.map(({ longestMs }) => longestMs)),
      maxMs: Math.max(...each.map(({ longestMs }) => longestMs)),
    };
  });
  const { ours, verdict } = compareClients(impacts);
  const count = ours.each.length;
  const trialCount = count === 1 ? 'one trial' : `${count} trials`;
  const verdicts = [
    verdict(
      `failed calls, ${trialCount} at ${rate}/s`,
      '0',
      ({ failed }) => String(failed),
      ours.failed === 0,
    ),
    verdict(
      'longest call, median of trials (maximum)',
      `≤ ${longestGoal} ms`,
      ({ longestMs, maxMs }) => `${round(longestMs)} ms (${round(maxMs)})`,
      ours.longestMs <= longestGoal,
    ),
    verdict(
      'calls slower than 50 ms, median of trials',
      slowGoal === undefined ? '' : `≤ ${slowGoal}`,
      ({ slow }) => String(slow),
      slowGoal === undefined ? undefined : ours.slow <= slowGoal,
    ),
  ];
  const runs = impacts.map(({ client, each: [first] }) => {
    const { at, ms, failure } = all[client][0].calls;
    const remark = `${first.failed} failed · ${first.slow} slower than 50 ms · longest ${round(first.longestMs)} ms`;
    return {
      title: clientTitles[client],
      remark,
      ours: isOurs(client),
      at,
      ms,
      failed: failure.map((code) => code !== ''),
    };
  });
  const { fromMs, toMs, healedAt } = all[ours.client][0];
  const subtitle = `One dot per call at ${rate}/s, at its due time; three replicas that respond in 1 to 5 ms; crosses are failed calls`;
  const svg = latencyPlot(title, subtitle, { runs, fromMs, toMs, healedAt });
  return {
    verdicts,
    details: Object.fromEntries(impacts.map(({ client, each }) => [client, each])),
    plots: [{ name: plot, svg }],
  };
}

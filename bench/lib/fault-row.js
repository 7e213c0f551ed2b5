/** Rows that measure failed and slow calls while a replica is killed or stopped. */
import { median } from './statistics.js';
import { latencyPlot } from './timeline-plot.js';
import { faultImpact, faultTrials, rate } from './fault-trial.js';
import { isOurs, clientTitles } from './clients.js';

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
  const ours = /** @type {typeof impacts[number]} */ (impacts.find(({ client }) => isOurs(client)));
  const listPeers = (/** @type {(one: typeof ours) => string} */ show) =>
    impacts
      .filter((one) => one !== ours)
      .map((one) => `${clientTitles[one.client]} ${show(one)}`)
      .join('; ');
  const count = ours.each.length;
  const trialCount = count === 1 ? 'one trial' : `${count} trials`;
  const verdicts = [
    {
      what: `failed calls, ${trialCount} at ${rate}/s`,
      goal: '0',
      ours: String(ours.failed),
      peers: listPeers(({ failed }) => String(failed)),
      ratio: '',
      reached: ours.failed === 0,
    },
    {
      what: 'longest call, median of trials (maximum)',
      goal: `≤ ${longestGoal} ms`,
      ours: `${round(ours.longestMs)} ms (${round(ours.maxMs)})`,
      peers: listPeers(({ longestMs }) => `${round(longestMs)} ms`),
      ratio: '',
      reached: ours.longestMs <= longestGoal,
    },
    {
      what: 'calls slower than 50 ms, median of trials',
      goal: slowGoal === undefined ? '' : `≤ ${slowGoal}`,
      ours: String(ours.slow),
      peers: listPeers(({ slow }) => String(slow)),
      ratio: '',
      reached: slowGoal === undefined ? undefined : ours.slow <= slowGoal,
    },
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

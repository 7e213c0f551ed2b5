/** Rows that look at what callers feel while a replica is gone. */
import { median } from './stats.js';
import { latencyPlot } from './timeline.js';
import { harm, rate, trials } from './trial.js';
import { isOurs, titles } from './ways.js';

const round = (/** @type {number} */ ms) => (ms < 100 ? ms.toFixed(1) : ms.toFixed(0));

/**
 * @param {import('./context.js').Context} context
 * @param {{ fault: import('./trial.js').Fault, plot: string, title: string, slowGoal: number | undefined, longestGoal: number }} row
 * @returns {Promise<import('./context.js').RowResult>}
 */
export async function faultRow(context, { fault, plot, title, slowGoal, longestGoal }) {
  const all = await trials(context, fault);
  const felt = Object.entries(all).map(([way, list]) => {
    const each = list.map(harm);
    return {
      way,
      each,
      failed: each.reduce((sum, { failed }) => sum + failed, 0),
      slow: median(each.map(({ slow }) => slow)),
      longestMs: median(each.map(({ longestMs }) => longestMs)),
      worstMs: Math.max(...each.map(({ longestMs }) => longestMs)),
    };
  });
  const ours = /** @type {typeof felt[number]} */ (felt.find(({ way }) => isOurs(way)));
  const peers = (/** @type {(one: typeof ours) => string} */ show) =>
    felt
      .filter((one) => one !== ours)
      .map((one) => `${titles[one.way]} ${show(one)}`)
      .join('; ');
  const count = ours.each.length;
  const times = count === 1 ? 'one trial' : `${count} trials`;
  const verdicts = [
    {
      what: `failed calls, ${times} at ${rate}/s`,
      goal: '0',
      ours: String(ours.failed),
      peers: peers(({ failed }) => String(failed)),
      ratio: '',
      reached: ours.failed === 0,
    },
    {
      what: 'longest call, median of trials (worst)',
      goal: `≤ ${longestGoal} ms`,
      ours: `${round(ours.longestMs)} ms (${round(ours.worstMs)})`,
      peers: peers(({ longestMs }) => `${round(longestMs)} ms`),
      ratio: '',
      reached: ours.longestMs <= longestGoal,
    },
    {
      what: 'calls slower than 50 ms, median of trials',
      goal: slowGoal === undefined ? '' : `≤ ${slowGoal}`,
      ours: String(ours.slow),
      peers: peers(({ slow }) => String(slow)),
      ratio: '',
      reached: slowGoal === undefined ? undefined : ours.slow <= slowGoal,
    },
  ];
  const runs = felt.map(({ way, each: [first] }) => {
    const { at, ms, failure } = all[way][0].calls;
    const remark = `${first.failed} failed · ${first.slow} slower than 50 ms · longest ${round(first.longestMs)} ms`;
    return {
      title: titles[way],
      remark,
      ours: isOurs(way),
      at,
      ms,
      failed: failure.map((code) => code !== ''),
    };
  });
  const { fromMs, toMs, healedAt } = all[ours.way][0];
  const subtitle = `One dot a call at ${rate}/s, by when it was due; three replicas that answer in 1 to 5 ms; crosses failed`;
  const svg = latencyPlot(title, subtitle, { runs, fromMs, toMs, healedAt });
  return {
    verdicts,
    details: Object.fromEntries(felt.map(({ way, each }) => [way, each])),
    plots: [{ name: plot, svg }],
  };
}

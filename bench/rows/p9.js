/** P9: the replica of P7 and P8 comes back. */
import { median } from '../lib/stats.js';
import { sharePlot } from '../lib/timeline.js';
import { healing, shares, trials } from '../lib/trial.js';
import { isOurs, titles } from '../lib/ways.js';

export const id = 'P9';
export const title = 'return of a healed replica';

const names = { kill: 'killed, then started again', stop: 'stopped, then continued' };
const seconds = (/** @type {number} */ ms) => (ms === Infinity ? 'never' : `${(ms / 1_000).toFixed(2)} s`);

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const verdicts = [];
  const panels = [];
  /** @type {Record<string, unknown>} */
  const details = {};
  let span = { fromMs: 0, toMs: 0 };
  for (const fault of /** @type {const} */ (['kill', 'stop'])) {
    const all = await trials(context, fault);
    const back = Object.entries(all).map(([way, list]) => {
      const each = list.map(healing);
      const firstMs = median(each.map((one) => one.firstMs));
      const fairMs = median(each.map((one) => one.fairMs));
      return { way, each, firstMs, fairMs, failed: each.reduce((sum, one) => sum + one.failed, 0) };
    });
    const ours = /** @type {typeof back[number]} */ (back.find(({ way }) => isOurs(way)));
    const peers = (/** @type {(one: typeof ours) => string} */ show) =>
      back
        .filter((one) => one !== ours)
        .map((one) => `${titles[one.way]} ${show(one)}`)
        .join('; ');
    const line = (what, goal, show, reached) =>
      verdicts.push({
        what: `${names[fault]}: ${what}`,
        goal,
        ours: show(ours),
        peers: peers(show),
        ratio: '',
        reached,
      });
    line('first good answer', '≤ 1 s', ({ firstMs }) => seconds(firstMs), ours.firstMs <= 1_000);
    line(
      'end of the first second with ≥ 80 % of a fair share',
      '≤ 3 s',
      ({ fairMs }) => seconds(fairMs),
      ours.fairMs <= 3_000,
    );
    line('calls failed after healing', '0', ({ failed }) => String(failed), ours.failed === 0);
    details[fault] = Object.fromEntries(back.map(({ way, each }) => [way, each]));
    const runs = Object.entries(all).map(([way, [first]]) => ({
      title: titles[way],
      ours: isOurs(way),
      points: shares(first),
    }));
    const [{ fromMs, toMs, healedAt }] = all[ours.way];
    span = { fromMs, toMs };
    panels.push({ title: `One of three ${names[fault]}`, healedAt, runs });
  }
  const svg = sharePlot(
    'P9  A replica comes back',
    'Its share of good answers in the second that ends there',
    { panels, fair: 1 / 3, ...span },
  );
  return { verdicts, details, plots: [{ name: 'p9', svg }] };
}

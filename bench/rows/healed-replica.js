/** Recovery of a replica that was killed, and of one that was frozen. */
import { median } from '../lib/statistics.js';
import { sharePlot } from '../lib/timeline-plot.js';
import { faultTrials, replicaRecovery, runFaults, victimShares } from '../lib/fault-trial.js';
import { isOurs, clientTitles } from '../lib/clients.js';
import { compareClients } from '../lib/compare-clients.js';

export const id = 'healed-replica';
export const title = 'recovery of a healed replica';

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
    const all = await faultTrials(context, fault);
    const recoveries = Object.entries(all).map(([client, list]) => {
      const each = list.map(replicaRecovery);
      const firstMs = median(each.map((one) => one.firstMs));
      const fairMs = median(each.map((one) => one.fairMs));
      return { client, each, firstMs, fairMs, failed: each.reduce((sum, one) => sum + one.failed, 0) };
    });
    const { ours, verdict } = compareClients(recoveries);
    const line = (what, goal, show, reached) =>
      verdicts.push(verdict(`${names[fault]}: ${what}`, goal, show, reached));
    line('first successful response', '≤ 1 s', ({ firstMs }) => seconds(firstMs), ours.firstMs <= 1_000);
    line(
      'end of the first second with ≥ 80 % of a fair share',
      '≤ 3 s',
      ({ fairMs }) => seconds(fairMs),
      ours.fairMs <= 3_000,
    );
    line('calls failed after healing', '0', ({ failed }) => String(failed), ours.failed === 0);
    details[fault] = Object.fromEntries(recoveries.map(({ client, each }) => [client, each]));
    const runs = Object.entries(all).map(([client, [first]]) => ({
      title: clientTitles[client],
      ours: isOurs(client),
      points: victimShares(first),
    }));
    const [{ fromMs, toMs, healedAt }] = all[ours.client];
    span = { fromMs, toMs };
    panels.push({ title: `One of three ${names[fault]}`, healedAt, runs });
  }
  // A server that answers OPTIONS with 500 must return as fast: its answers to calls count, and any answer to a probe.
  const [trial] = await runFaults(context, {
    fault: 'kill',
    client: 'fault-clerk',
    replica: { optionsStatus: 500 },
  });
  const recovery = replicaRecovery(trial);
  verdicts.push({
    what: 'killed, then started again, OPTIONS answers 500: end of the first second with ≥ 80 % of a fair share',
    goal: '≤ 3 s',
    ours: seconds(recovery.fairMs),
    peers: '',
    ratio: '',
    reached: recovery.fairMs <= 3_000,
  });
  details['kill, OPTIONS 500'] = recovery;
  const svg = sharePlot(
    'Recovery of a replica',
    'Its share of successful responses in the preceding second',
    { panels, fair: 1 / 3, ...span },
  );
  return { verdicts, details, plots: [{ name: 'healed-replica', svg }] };
}

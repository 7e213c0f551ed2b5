/** A killed and a frozen replica at a low rate, and again and again. */
import { compareClients } from '../lib/compare-clients.js';
import { faultImpact, rate, runFaults } from '../lib/fault-trial.js';

export const id = 'repeated-faults';
export const title = 'SIGKILL and SIGSTOP of 1 of 3, again and again, at 10 calls/s too';

const lowRate = 10;
/** Before, during and after each fault, in ms. */
const spans = /** @type {[number, number, number]} */ ([200, 1_500, 1_800]);
const peers = ['fault-p2c', 'fault-grpc'];

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const verdicts = [];
  /** @type {Record<string, unknown>} */
  const details = {};
  const freezes = context.quick ? 4 : 20;
  for (const { fault, callRate, count, goalMs, clients } of /** @type {const} */ ([
    { fault: 'kill', callRate: lowRate, count: 3, goalMs: 40, clients: peers },
    { fault: 'stop', callRate: lowRate, count: freezes, goalMs: 300, clients: peers },
    { fault: 'stop', callRate: rate, count: freezes, goalMs: 150, clients: [] },
  ])) {
    const results = [];
    for (const client of ['fault-clerk', ...clients]) {
      const faults = client === 'fault-clerk' ? count : 3;
      const trials = await runFaults(context, { fault, client, callRate, count: faults, spans });
      const impacts = trials.map(faultImpact);
      results.push({
        client,
        longest: impacts.map(({ longestMs }) => longestMs),
        failed: impacts.reduce((sum, { failed }) => sum + failed, 0),
      });
      context.log(`${fault} at ${callRate}/s, ${client}`);
    }
    const { ours, verdict } = compareClients(results);
    const subject = `${fault === 'kill' ? 'SIGKILL' : 'SIGSTOP'} at ${callRate}/s`;
    verdicts.push(
      verdict(`${subject}: failed calls`, '0', ({ failed }) => String(failed), ours.failed === 0),
      verdict(
        `${subject}: longest call of the first and of fault ${count} (maximum of all)`,
        `≤ ${goalMs} ms`,
        ({ longest }) => `${ms(longest[0])} and ${ms(longest.at(-1) ?? NaN)} (${ms(Math.max(...longest))})`,
        Math.max(...ours.longest) <= goalMs,
      ),
    );
    details[subject] = Object.fromEntries(results.map(({ client, ...rest }) => [client, rest]));
  }
  return {
    verdicts,
    details,
    notes: ['repeated-faults: peers are measured in three faults; their second figure is that of the third.'],
  };
}

const ms = (/** @type {number} */ value) => `${value.toFixed(0)} ms`;

/** A failing majority. Three of five replicas answer each request with status 503, or what equals it. */
import { compareClients } from '../lib/compare-clients.js';
import { openLoadClients, runOpenLoad } from '../lib/open-load.js';

export const id = 'failing-majority';
export const title = 'failing majority: 3 of 5 replicas answer 503, open loop';

const rate = 300;
const warmUpMs = 1_000;

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const replicas = ['a', 'b', 'c', 'd', 'e'].map((replica, i) => ({
    replica,
    minMs: 1,
    maxMs: 5,
    isFailing: i < 3,
  }));
  const results = [];
  for (const client of [...openLoadClients(context), 'fault-clerk-round-robin']) {
    const load = await runOpenLoad(context, client, replicas, { rate, seconds: context.quick ? 6 : 20 });
    results.push({ client, ...summaryOf(load) });
    context.log(client);
  }
  const roundRobin = results.filter(({ client }) => client === 'fault-clerk-round-robin');
  const percent = (/** @type {number} */ share) => `${(share * 100).toFixed(share < 0.1 ? 2 : 0)} %`;
  const verdictsOf = (policy, compared) => {
    const { ours, verdict } = compareClients(compared);
    return [
      verdict(
        `${policy}: failed calls after the first second`,
        '≤ 2 %',
        ({ failedShare }) => percent(failedShare),
        ours.failedShare <= 0.02,
      ),
      verdict(`${policy}: failed calls in the first second`, '', ({ failedFirst }) => percent(failedFirst)),
      verdict(
        `${policy}: busiest healthy replica over the other`,
        '≤ 1.2 ×',
        ({ spread }) => `${spread.toFixed(2)} ×`,
        ours.spread <= 1.2,
      ),
      verdict(`${policy}: requests sent per call`, '', ({ perCall }) => `${perCall.toFixed(2)} ×`),
    ];
  };
  return {
    verdicts: [
      ...verdictsOf(
        'default policy',
        results.filter((one) => !roundRobin.includes(one)),
      ),
      ...verdictsOf('round-robin', roundRobin),
    ],
    details: Object.fromEntries(results.map(({ client, ...rest }) => [client, rest])),
  };
}

/** @param {Awaited<ReturnType<typeof runOpenLoad>>} load */
function summaryOf({ due, failure, received, ejections }) {
  const isFirst = Array.from(due, (at) => at - due[0] < warmUpMs);
  const shareOfFailed = (/** @type {boolean} */ first) => {
    const those = failure.filter((_, i) => isFirst[i] === first);
    return those.filter((code) => code !== '').length / those.length;
  };
  const healthy = [received.d, received.e];
  return {
    failedShare: shareOfFailed(false),
    failedFirst: shareOfFailed(true),
    spread: Math.max(...healthy) / Math.min(...healthy),
    perCall: Object.values(received).reduce((sum, count) => sum + count, 0) / failure.length,
    received,
    ejections,
  };
}

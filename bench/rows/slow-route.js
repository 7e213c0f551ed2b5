/** A slow route. All replicas respond to orders at once, and to reports, which have a path of their own, after 600 ms. */
import { compareClients } from '../lib/compare-clients.js';
import { openLoadClients, runOpenLoad } from '../lib/open-load.js';
import { quantile } from '../lib/statistics.js';

export const id = 'slow-route';
export const title = 'slow route: 0.5 % of the calls take 600 ms on a path of their own, open loop';

const rate = 300;
const reportEvery = 200;
const reportMs = 600;
/** Answers of a route after which a clerk knows how long it takes. */
const learned = 20;

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const replicas = ['a', 'b', 'c', 'd'].map((replica) => ({ replica, minMs: 1, maxMs: 5, reportMs }));
  const results = [];
  for (const client of openLoadClients(context)) {
    const load = await runOpenLoad(context, client, replicas, {
      rate,
      seconds: context.quick ? 18 : 30,
      reportEvery,
    });
    results.push({ client, ...summaryOf(load) });
    context.log(client);
  }
  const { ours, verdict } = compareClients(results);
  return {
    verdicts: [
      verdict(
        `extra executions of ${ours.reports} reports; after the first ${learned}`,
        'after: 0',
        ({ extraReports, extraLater }) => `${extraReports}; ${extraLater}`,
        ours.extraLater === 0,
      ),
      verdict(
        `extra executions of ${ours.calls - ours.reports} orders`,
        '0',
        ({ extraOrders }) => String(extraOrders),
        ours.extraOrders <= 0,
      ),
      verdict(
        'replicas taken out of use',
        '0',
        ({ ejections = '–' }) => String(ejections),
        ours.ejections === 0,
      ),
      verdict(`p99 of the orders at ${rate}/s`, '', ({ p99 }) => `${p99.toFixed(1)} ms`),
      verdict(
        'failed calls; longest report',
        'none',
        ({ failed, longestReport }) => `${failed}; ${longestReport.toFixed(0)} ms`,
        ours.failed === 0,
      ),
    ],
    details: Object.fromEntries(results.map(({ client, ...rest }) => [client, rest])),
  };
}

/** @param {Awaited<ReturnType<typeof runOpenLoad>>} load */
function summaryOf({ due, ms, failure, isReport, received, reportsAt, ejections }) {
  const reports = [...isReport.keys()].filter((i) => isReport[i]);
  const orders = [...isReport.keys()].filter((i) => !isReport[i]);
  const learnedAt = Math.max(...reports.slice(0, learned).map((i) => due[i] + ms[i]));
  const executions = Object.values(received).reduce((sum, count) => sum + count, 0);
  return {
    calls: ms.length,
    reports: reports.length,
    extraReports: reportsAt.length - reports.length,
    extraLater:
      reportsAt.filter((at) => at > learnedAt).length - reports.filter((i) => due[i] > learnedAt).length,
    extraOrders: executions - reportsAt.length - orders.length,
    ejections,
    p99: quantile(
      orders.map((i) => ms[i]),
      0.99,
    ),
    longestReport: Math.max(...reports.map((i) => ms[i])),
    failed: failure.filter((code) => code !== '').length,
  };
}

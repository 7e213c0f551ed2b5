/**
 * Rows that measure the throughput of servers: the same load on each, in interleaved rounds, from one process per server.
 * The server CPU time per response is measured too, since it is meaningful even on a busy machine.
 */
import { barPlot } from './bar-plot.js';
import { Child } from './child-process.js';
import { processUsage } from './process-usage.js';
import { seededRandom, shuffled, spread } from './statistics.js';
import { ratioText } from './table.js';

/**
 * @typedef {object} LoadedServer
 * @property {string} title
 * @property {number} port
 * @property {number} pid
 * @property {Uint8Array[][]} requests - of each connection
 * @property {import('node:tls').ConnectionOptions} [tls] - how the connections use TLS
 * @property {string} [generator] - file of another load generator
 */

/** @typedef {{ rate: number[], p50: number[], p99: number[], cpuUs: number[], loadUs: number[] }} ThroughputSamples */

/**
 * Interleaved rounds.
 *
 * @param {import('./context.js').Context} context
 * @param {Record<string, LoadedServer>} servers
 * @param {{ rounds: number, seconds: number }} plan - `seconds`: per round and server
 * @returns {Promise<Record<string, ThroughputSamples>>}
 */
export async function throughputRounds(context, servers, { rounds, seconds }) {
  const keys = Object.keys(servers);
  const random = seededRandom(context.seed);
  /** @type {Record<string, Child>} */
  const generators = {};
  /** @type {Record<string, ThroughputSamples>} */
  const samples = Object.fromEntries(
    keys.map((key) => [key, { rate: [], p50: [], p99: [], cpuUs: [], loadUs: [] }]),
  );
  try {
    for (const key of keys) {
      const { port, requests, tls, generator = 'processes/load-generator.js' } = servers[key];
      generators[key] = new Child(generator);
      await generators[key].call('prepare', { port, requests, tls });
    }
    for (let round = -1; round < rounds; round++) {
      for (const key of shuffled(keys, random)) {
        const before = await processUsage(servers[key].pid);
        const run = await generators[key].call('run', { seconds });
        const after = await processUsage(servers[key].pid);
        if (round < 0) continue;
        const { rate, p50, p99, cpuUs, count } = run;
        samples[key].rate.push(rate);
        samples[key].p50.push(p50);
        samples[key].p99.push(p99);
        samples[key].loadUs.push(cpuUs);
        if (before !== undefined && after !== undefined)
          samples[key].cpuUs.push(((after.cpuMs - before.cpuMs) * 1_000) / count);
      }
      context.log(round < 0 ? 'warm' : `round ${round + 1} of ${rounds}`);
    }
    return samples;
  } finally {
    await Promise.all(Object.values(generators).map((generator) => generator.end()));
  }
}

const formatInteger = (/** @type {number} */ value) => Math.round(value).toLocaleString('en');
const medianOf = (/** @type {number[]} */ values) => spread(values).median;

/** Server CPU per response as text; empty when the system does not report it. @param {ThroughputSamples} rates */
const formatCpu = ({ cpuUs }) =>
  cpuUs.length === 0 ? '' : `, ${medianOf(cpuUs).toFixed(medianOf(cpuUs) < 100 ? 1 : 0)} µs CPU`;

/** Rate, CPU and p99 as text. @param {ThroughputSamples} rates */
export const formatRate = (rates) =>
  `${formatInteger(medianOf(rates.rate))}/s${formatCpu(rates)} (p99 ${medianOf(rates.p99).toFixed(1)} ms)`;

/**
 * The result of a row: `ours` compared with a goal, the other servers as peers.
 *
 * @param {Record<string, LoadedServer>} servers
 * @param {Record<string, ThroughputSamples>} samples
 * @param {{ what: string, base: string | undefined, goal: number, p99Goal?: number, plot: string, plotTitle: string, absent: string[] }} row - `base`: key of the server that the ratio is computed to
 * @returns {import('./context.js').RowResult}
 */
export function throughputResult(servers, samples, { what, base, goal, p99Goal, plot, plotTitle, absent }) {
  const { ours } = samples;
  const peers = Object.keys(servers).filter((key) => key !== 'ours');
  const listPeers = (/** @type {(rates: ThroughputSamples) => string} */ show) =>
    [...peers.map((key) => `${servers[key].title} ${show(samples[key])}`), ...absent].join('; ');
  const baseSamples = base === undefined ? undefined : samples[base];
  const ratio = baseSamples && spread(ours.rate.map((value, i) => value / baseSamples.rate[i]));
  const verdicts = [
    {
      what,
      goal: `≥ ${formatInteger(goal)}/s`,
      ours: `${formatInteger(medianOf(ours.rate))}/s${formatCpu(ours)}`,
      peers: listPeers(formatRate),
      ratio:
        ratio === undefined ? '' : `${ratioText(ratio)} × ${servers[/** @type {string} */ (base)].title}`,
      reached: medianOf(ours.rate) >= goal,
    },
  ];
  if (p99Goal !== undefined)
    verdicts.push({
      what: `${what}: p99`,
      goal: `≤ ${p99Goal} ms`,
      ours: `${medianOf(ours.p99).toFixed(1)} ms`,
      peers: listPeers(({ p99 }) => `${medianOf(p99).toFixed(1)} ms`),
      ratio: '',
      reached: medianOf(ours.p99) <= p99Goal,
    });
  const bars = Object.keys(servers).map((key) => ({
    label: `${servers[key].title}, ${formatInteger(medianOf(samples[key].rate))}/s`,
    spread: spread(samples[key].rate.map((rate) => rate / goal)),
    ours: key === 'ours',
  }));
  const subtitle = `Responses per second as a share of the goal of ${formatInteger(goal)}; bar: median, box: middle half, line: all ${ours.rate.length} rounds`;
  return {
    verdicts,
    details: spreadsOf(samples),
    plots: [{ name: plot, svg: barPlot(plotTitle, subtitle, [{ title: '', goal: 1, bars }]) }],
  };
}

/** For the JSON file. @param {Record<string, ThroughputSamples>} samples */
export const spreadsOf = (samples) =>
  Object.fromEntries(
    Object.entries(samples).map(([key, rates]) => [
      key,
      Object.fromEntries(
        Object.entries(rates)
          .filter(([, values]) => values.length > 0)
          .map(([measure, values]) => [measure, spread(values)]),
      ),
    ]),
  );

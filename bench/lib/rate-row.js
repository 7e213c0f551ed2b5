/**
 * Rows that ask how many answers a second a server gives: the same load on each in turn, in interleaved rounds, from a
 * process of its own for each. What an answer costs the server in CPU time is looked up beside it, since that holds
 * also where something else keeps the machine busy.
 */
import { barPlot } from './bars.js';
import { Child } from './children.js';
import { processFacts } from './process-facts.js';
import { seeded, shuffled, spread } from './stats.js';
import { ratioText } from './table.js';

/**
 * @typedef {object} Asked
 * @property {string} title
 * @property {number} port
 * @property {number} pid
 * @property {Uint8Array[][]} requests - by connection
 */

/** @typedef {{ rate: number[], p50: number[], p99: number[], cpuUs: number[], loadUs: number[] }} Rates */

/**
 * Interleaved rounds.
 *
 * @param {import('./context.js').Context} context
 * @param {Record<string, Asked>} servers
 * @param {{ rounds: number, seconds: number }} plan - seconds: of each round, for each
 * @returns {Promise<Record<string, Rates>>}
 */
export async function rateRounds(context, servers, { rounds, seconds }) {
  const keys = Object.keys(servers);
  const random = seeded(context.seed);
  /** @type {Record<string, Child>} */
  const loads = {};
  /** @type {Record<string, Rates>} */
  const samples = Object.fromEntries(
    keys.map((key) => [key, { rate: [], p50: [], p99: [], cpuUs: [], loadUs: [] }]),
  );
  try {
    for (const key of keys) {
      const { port, requests } = servers[key];
      loads[key] = new Child('./load.js');
      await loads[key].ask('prepare', { port, requests });
    }
    for (let round = -1; round < rounds; round++) {
      for (const key of shuffled(keys, random)) {
        const before = await processFacts(servers[key].pid);
        const run = await loads[key].ask('run', { seconds });
        const after = await processFacts(servers[key].pid);
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
    await Promise.all(Object.values(loads).map((load) => load.end()));
  }
}

const whole = (/** @type {number} */ value) => Math.round(value).toLocaleString('en');
const mid = (/** @type {number[]} */ values) => spread(values).median;

/** Server CPU per answer as text; empty where the system does not tell. @param {Rates} rates */
const cost = ({ cpuUs }) =>
  cpuUs.length === 0 ? '' : `, ${mid(cpuUs).toFixed(mid(cpuUs) < 100 ? 1 : 0)} µs CPU`;

/** Rate and p99 in one text. @param {Rates} rates */
const shown = (rates) => `${whole(mid(rates.rate))}/s${cost(rates)} (p99 ${mid(rates.p99).toFixed(1)} ms)`;

/**
 * What a row says of its rounds: `ours` against a goal, all others as peers.
 *
 * @param {Record<string, Asked>} servers
 * @param {Record<string, Rates>} samples
 * @param {{ what: string, base: string | undefined, goal: number, p99Goal?: number, plot: string, plotTitle: string, absent: string[] }} row - base: whom the ratio is to, if it is there
 * @returns {import('./context.js').RowResult}
 */
export function rateResult(servers, samples, { what, base, goal, p99Goal, plot, plotTitle, absent }) {
  const { ours } = samples;
  const peers = Object.keys(servers).filter((key) => key !== 'ours');
  const listed = (/** @type {(rates: Rates) => string} */ show) =>
    [...peers.map((key) => `${servers[key].title} ${show(samples[key])}`), ...absent].join('; ');
  const below = base === undefined ? undefined : samples[base];
  const ratio = below && spread(ours.rate.map((value, i) => value / below.rate[i]));
  const verdicts = [
    {
      what,
      goal: `≥ ${whole(goal)}/s`,
      ours: `${whole(mid(ours.rate))}/s${cost(ours)}`,
      peers: listed(shown),
      ratio:
        ratio === undefined ? '' : `${ratioText(ratio)} × ${servers[/** @type {string} */ (base)].title}`,
      reached: mid(ours.rate) >= goal,
    },
  ];
  if (p99Goal !== undefined)
    verdicts.push({
      what: `${what}: p99`,
      goal: `≤ ${p99Goal} ms`,
      ours: `${mid(ours.p99).toFixed(1)} ms`,
      peers: listed(({ p99 }) => `${mid(p99).toFixed(1)} ms`),
      ratio: '',
      reached: mid(ours.p99) <= p99Goal,
    });
  const bars = Object.keys(servers).map((key) => ({
    label: `${servers[key].title}, ${whole(mid(samples[key].rate))}/s`,
    spread: spread(samples[key].rate.map((rate) => rate / goal)),
    ours: key === 'ours',
  }));
  const subtitle = `Answers a second as a share of the goal of ${whole(goal)}; bar: median, box: middle half, line: all ${ours.rate.length} rounds`;
  return {
    verdicts,
    details: Object.fromEntries(
      Object.entries(samples).map(([key, rates]) => [
        key,
        Object.fromEntries(
          Object.entries(rates)
            .filter(([, values]) => values.length > 0)
            .map(([measure, values]) => [measure, spread(values)]),
        ),
      ]),
    ),
    plots: [{ name: plot, svg: barPlot(plotTitle, subtitle, [{ title: '', goal: 1, bars }]) }],
  };
}

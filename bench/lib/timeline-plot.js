/** Plots over time, with the instants of fault and healing marked. */
import { box, colours, crosses, curve, dots, svgDocument, line, linear, logarithmic, text } from './svg.js';

const width = 860;
const left = 64;
const right = 24;

/**
 * @typedef {object} Run
 * @property {string} title
 * @property {string} remark - right of the title
 * @property {boolean} ours
 * @property {number[]} at - ms, 0 is the fault
 * @property {number[]} ms
 * @property {boolean[]} failed
 */

/**
 * One panel per client. Every call is a dot at its latency, on a logarithmic scale; failed calls are crosses.
 *
 * @param {string} title
 * @param {string} subtitle
 * @param {{ runs: Run[], fromMs: number, toMs: number, healedAt: number }} data
 */
export function latencyPlot(title, subtitle, { runs, fromMs, toMs, healedAt }) {
  const height = 132;
  const x = linear(fromMs, toMs, left, width - right);
  const shapes = [];
  let top = 96;
  for (const { title: name, remark, ours, at, ms, failed } of runs) {
    const y = logarithmic(0.5, 10_000, top + height, top);
    shapes.push(...panelHeading(name, remark, top, ours));
    for (const tick of [1, 10, 100, 1_000, 10_000]) {
      shapes.push(line(left, y(tick), width - right, y(tick), colours.line));
      shapes.push(text(left - 8, y(tick) + 4, tick < 1_000 ? `${tick} ms` : `${tick / 1_000} s`, axis));
    }
    const good = [];
    const bad = [];
    for (let i = 0; i < at.length; i++) (failed[i] ? bad : good).push([x(at[i]), y(ms[i])]);
    shapes.push(...faultMarks(x, top, height, healedAt));
    shapes.push(dots(good, ours ? colours.ours : colours.muted));
    if (bad.length > 0) shapes.push(crosses(bad, colours.fault));
    top += height + 44;
  }
  shapes.push(...timeAxis(x, fromMs, toMs, top - 44));
  return svgDocument(width, top - 4, title, subtitle, shapes);
}

/**
 * @typedef {object} ShareRun
 * @property {string} title
 * @property {boolean} ours
 * @property {[number, number][]} points - ms after the fault, value
 */

/**
 * The share of one replica over time: one panel per fault, one curve per client.
 *
 * @param {string} title
 * @param {string} subtitle
 * @param {{ panels: { title: string, healedAt: number, runs: ShareRun[] }[], fair: number, fromMs: number, toMs: number }} data
 */
export function sharePlot(title, subtitle, { panels, fair, fromMs, toMs }) {
  const end = Math.max(0.6, Math.ceil(highest(panels) * 5) / 5);
  return curvesPlot(title, subtitle, {
    panels: panels.map((panel) => ({
      ...panel,
      end,
      step: 0.2,
      label: (share) => `${Math.round(share * 100)} %`,
      level: { at: fair, name: 'fair' },
    })),
    fromMs,
    toMs,
  });
}

/**
 * Good calls, prompt calls and requests sent, per second.
 *
 * @param {string} title
 * @param {string} subtitle
 * @param {(import('./retry-storm.js').RetryStorm & { title: string, ours: boolean })[]} storms - of equal length
 * @param {number} offered - calls per second
 */
export function stormPlot(title, subtitle, storms, offered) {
  const [{ fromMs, toMs, healedAt }] = storms;
  const panel = (name, of) => {
    const runs = storms.map((one) => ({
      title: one.title,
      ours: one.ours,
      points: of(one).map((count, i) => [fromMs + (i + 0.5) * 1_000, count]),
    }));
    const highestCount = highest([{ runs }]);
    const step = [100, 200, 500, 1_000].find((size) => highestCount <= 6 * size) ?? 2_000;
    const end = Math.ceil(highestCount / step) * step;
    return { title: name, healedAt, runs, end, step, label: String, level: { at: offered, name: 'offered' } };
  };
  return curvesPlot(title, subtitle, {
    panels: [
      panel('Successful calls, by the second in which they were due', ({ good }) => good),
      panel('Calls that succeeded within 1 s', ({ prompt }) => prompt),
      panel('Requests received by the replicas, per second', ({ sent }) => sent),
    ],
    fromMs,
    toMs,
  });
}

/** @param {{ runs: ShareRun[] }[]} panels */
const highest = (panels) =>
  Math.max(...panels.flatMap(({ runs }) => runs.flatMap(({ points }) => points.map(([, value]) => value))));

/**
 * @typedef {object} Curves
 * @property {string} title
 * @property {number} healedAt
 * @property {ShareRun[]} runs
 * @property {number} end - of the scale, which starts at 0
 * @property {number} step
 * @property {(value: number) => string} label
 * @property {{ at: number, name: string }} level - drawn as a dashed line
 */

/**
 * Panels with one curve per client.
 *
 * @param {string} title
 * @param {string} subtitle
 * @param {{ panels: Curves[], fromMs: number, toMs: number }} data
 */
function curvesPlot(title, subtitle, { panels, fromMs, toMs }) {
  const height = 170;
  const x = linear(fromMs, toMs, left, width - right);
  const peers = [
    ['#64748b', ''],
    ['#b45309', '6 3'],
    ['#7c3aed', '2 3'],
    ['#0f766e', '8 3 2 3'],
    ['#be185d', '10 4'],
    ['#65a30d', '4 2 1 2'],
  ];
  const style = (runs, i) =>
    runs[i].ours
      ? [colours.ours, '']
      : peers[runs.slice(0, i).filter((run) => !run.ours).length % peers.length];
  const shapes = [];
  let at = 24;
  let row = 76;
  panels[0].runs.forEach((run, i) => {
    const [stroke, dash] = style(panels[0].runs, i);
    const legendWidth = 60 + run.title.length * 6.6;
    if (at > 24 && at + legendWidth > width) {
      at = 24;
      row += 20;
    }
    shapes.push(
      curve(
        [
          [at, row],
          [at + 26, row],
        ],
        stroke,
        2.5,
        dash,
      ),
      text(at + 32, row + 4, run.title, { weight: run.ours ? 600 : 400 }),
    );
    at += legendWidth;
  });
  let top = row + 52;
  for (const { title: name, healedAt, runs, end, step, label, level } of panels) {
    const y = linear(0, end, top + height, top);
    shapes.push(...panelHeading(name, '', top, false));
    for (let tick = 0; tick <= end + 1e-9; tick += step) {
      shapes.push(line(left, y(tick), width - right, y(tick), colours.line));
      shapes.push(text(left - 8, y(tick) + 4, label(tick), axis));
    }
    shapes.push(line(left, y(level.at), width - right, y(level.at), colours.goal, { dash: '4 3' }));
    shapes.push(text(left + 4, y(level.at) - 4, level.name, { size: 10, fill: colours.goal }));
    shapes.push(...faultMarks(x, top, height, healedAt));
    runs.forEach(({ points, ours }, i) => {
      const [stroke, dash] = style(runs, i);
      shapes.push(
        curve(
          points.map(([moment, value]) => [x(moment), y(value)]),
          stroke,
          ours ? 2.5 : 1.6,
          dash,
        ),
      );
    });
    top += height + 52;
  }
  shapes.push(...timeAxis(x, fromMs, toMs, top - 52));
  return svgDocument(width, top - 12, title, subtitle, shapes);
}

const axis = /** @type {const} */ ({ size: 10, fill: colours.muted, anchor: 'end' });

function panelHeading(name, remark, top, ours) {
  return [
    text(left, top - 12, name, { size: 13, weight: 600, fill: ours ? colours.ours : colours.ink }),
    text(width - right, top - 12, remark, { size: 11, fill: colours.muted, anchor: 'end' }),
  ];
}

function faultMarks(x, top, height, healedAt) {
  return [
    box(x(0), top, x(healedAt) - x(0), height, colours.fault, 0.05, 0),
    line(x(0), top, x(0), top + height, colours.fault, { width: 1.5 }),
    text(x(0) + 4, top + 11, 'fault', { size: 10, fill: colours.fault }),
    line(x(healedAt), top, x(healedAt), top + height, colours.heal, { width: 1.5 }),
    text(x(healedAt) + 4, top + 11, 'healed', { size: 10, fill: colours.heal }),
  ];
}

function timeAxis(x, fromMs, toMs, y) {
  const shapes = [];
  const every = toMs - fromMs > 20_000 ? 5 : 1;
  for (let s = Math.ceil(fromMs / 1_000); s <= toMs / 1_000; s++) {
    shapes.push(line(x(s * 1_000), y, x(s * 1_000), y + 4, colours.muted));
    if (s % every !== 0) continue;
    shapes.push(text(x(s * 1_000), y + 16, `${s} s`, { size: 10, fill: colours.muted, anchor: 'middle' }));
  }
  return shapes;
}

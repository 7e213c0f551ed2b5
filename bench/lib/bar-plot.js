/** Horizontal bars of ratios with their spread. A bar ends at the median; its box spans p25 to p75, its line all rounds. */
import { box, colours, svgDocument, line, linear, text } from './svg.js';

/**
 * @typedef {object} Group
 * @property {string} title
 * @property {number | undefined} goal - drawn as a dashed line
 * @property {{ label: string, spread: import('./statistics.js').Spread, ours: boolean }[]} bars
 */

const width = 860;
const left = 250;
const right = 110;

/**
 * @param {string} title
 * @param {string} subtitle
 * @param {Group[]} groups
 */
export function barPlot(title, subtitle, groups) {
  const highest = Math.max(...groups.flatMap(({ bars }) => bars.map(({ spread }) => spread.p75)), 1.1);
  const end = Math.ceil((highest + 0.02) * 5) / 5;
  const x = linear(0, end, left, width - right);
  const shapes = [];
  let y = 76;
  for (const { title: heading, goal, bars } of groups) {
    shapes.push(text(24, y + 12, heading, { size: 13, weight: 600 }));
    y += 24;
    const top = y;
    const bottom = y + bars.length * 26;
    for (let tick = 0; tick <= end + 1e-9; tick += end > 2 ? 0.5 : 0.2) {
      shapes.push(
        line(x(tick), top, x(tick), bottom, Math.abs(tick - 1) < 1e-9 ? colours.muted : colours.line),
      );
      shapes.push(
        text(x(tick), bottom + 14, tick.toFixed(1), { size: 10, fill: colours.muted, anchor: 'middle' }),
      );
    }
    for (const { label, spread, ours } of bars) {
      const colour = ours ? colours.ours : colours.peer;
      const middle = y + 13;
      const lineEnd = Math.min(spread.max, end);
      shapes.push(text(left - 10, middle + 4, label, { anchor: 'end', weight: ours ? 600 : 400 }));
      shapes.push(box(left, middle - 8, x(spread.median) - left, 16, colour, 0.8));
      shapes.push(line(x(spread.min), middle, x(lineEnd), middle, colours.ink));
      shapes.push(box(x(spread.p25), middle - 4, x(spread.p75) - x(spread.p25), 8, colours.ink, 0.55, 1));
      shapes.push(
        text(width - right + 12, middle + 4, spread.median.toFixed(3), { weight: ours ? 600 : 400 }),
      );
      y += 26;
    }
    if (goal !== undefined) {
      shapes.push(line(x(goal), top - 3, x(goal), bottom, colours.goal, { dash: '4 3', width: 1.5 }));
      shapes.push(text(x(goal), top - 7, `goal ${goal}`, { size: 10, fill: colours.goal, anchor: 'middle' }));
    }
    y += 34;
  }
  return svgDocument(width, y, title, subtitle, shapes);
}

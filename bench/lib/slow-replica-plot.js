/** One bar per client: its p99 with a slow replica; the tick marks its p99 without one. */
import { box, colours, svgDocument, line, linear, text } from './svg.js';

const width = 860;
const left = 250;
const right = 110;

/**
 * @param {string} title
 * @param {string} subtitle
 * @param {{ label: string, ms: number, withoutMs: number, ours: boolean }[]} bars
 */
export function slowReplicaPlot(title, subtitle, bars) {
  const end = Math.ceil(Math.max(...bars.flatMap(({ ms, withoutMs }) => [ms, withoutMs])) / 50) * 50;
  const x = linear(0, end, left, width - right);
  const top = 76;
  const bottom = top + bars.length * 26;
  const shapes = [];
  for (let tick = 0; tick <= end; tick += 50) {
    shapes.push(line(x(tick), top, x(tick), bottom, colours.line));
    shapes.push(
      text(x(tick), bottom + 14, `${tick} ms`, { size: 10, fill: colours.muted, anchor: 'middle' }),
    );
  }
  for (const [i, { label, ms, withoutMs, ours }] of bars.entries()) {
    const middle = top + i * 26 + 13;
    shapes.push(text(left - 10, middle + 4, label, { anchor: 'end', weight: ours ? 600 : 400 }));
    shapes.push(box(left, middle - 8, x(ms) - left, 16, ours ? colours.ours : colours.peer, 0.8));
    shapes.push(line(x(withoutMs), middle - 11, x(withoutMs), middle + 11, colours.ink));
    shapes.push(text(width - right + 12, middle + 4, ms.toFixed(1), { weight: ours ? 600 : 400 }));
  }
  return svgDocument(width, bottom + 30, title, subtitle, shapes);
}

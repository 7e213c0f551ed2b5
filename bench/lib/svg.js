/** SVG elements of the plots: frame, scales and shapes, as strings. */

export const colours = {
  ink: '#1e293b',
  muted: '#64748b',
  line: '#e2e8f0',
  paper: '#ffffff',
  ours: '#2563eb',
  peer: '#94a3b8',
  fault: '#dc2626',
  heal: '#16a34a',
  goal: '#d97706',
};

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const n = (value) => String(Math.round(value * 10) / 10);

/**
 * @param {number} width
 * @param {number} height
 * @param {string} title
 * @param {string} subtitle
 * @param {string[]} shapes
 */
export function svgDocument(width, height, title, subtitle, shapes) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`,
    ` font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" role="img">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${colours.paper}"/>`,
    text(24, 34, title, { size: 17, weight: 600 }),
    text(24, 54, subtitle, { size: 12, fill: colours.muted }),
    ...shapes,
    `</svg>\n`,
  ].join('\n');
}

/**
 * @param {number} x
 * @param {number} y
 * @param {string} content
 * @param {{ size?: number, weight?: number, fill?: string, anchor?: 'start' | 'middle' | 'end' }} [style]
 */
export function text(x, y, content, { size = 12, weight = 400, fill = colours.ink, anchor = 'start' } = {}) {
  return `<text x="${n(x)}" y="${n(y)}" font-size="${size}" font-weight="${weight}" fill="${fill}" text-anchor="${anchor}">${escape(content)}</text>`;
}

/** @param {{ dash?: string, width?: number }} [style] */
export function line(x1, y1, x2, y2, stroke, { dash, width = 1 } = {}) {
  const dashAttribute = dash === undefined ? '' : ` stroke-dasharray="${dash}"`;
  return `<line x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}" stroke="${stroke}" stroke-width="${width}"${dashAttribute}/>`;
}

export function box(x, y, width, height, fill, opacity = 1, radius = 2) {
  return `<rect x="${n(x)}" y="${n(y)}" width="${n(Math.max(width, 0))}" height="${n(height)}" rx="${radius}" fill="${fill}" fill-opacity="${opacity}"/>`;
}

/** Dots in one element. @param {[number, number][]} points */
export function dots(points, fill, radius = 1.6, opacity = 0.6) {
  const d = points.map(([x, y]) => `M${n(x)} ${n(y)}h0`).join('');
  return `<path d="${d}" stroke="${fill}" stroke-width="${radius * 2}" stroke-linecap="round" stroke-opacity="${opacity}" fill="none"/>`;
}

/** @param {[number, number][]} points */
export function crosses(points, stroke) {
  const d = points.map(([x, y]) => `M${n(x - 3)} ${n(y - 3)}l6 6m0-6l-6 6`).join('');
  return `<path d="${d}" stroke="${stroke}" stroke-width="1.5" fill="none"/>`;
}

/** @param {[number, number][]} points */
export function curve(points, stroke, width = 2, dash = '') {
  const d = points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${n(x)} ${n(y)}`).join('');
  const dashAttribute = dash === '' ? '' : ` stroke-dasharray="${dash}"`;
  return `<path d="${d}" stroke="${stroke}" stroke-width="${width}" stroke-linejoin="round" fill="none"${dashAttribute}/>`;
}

/** A linear scale. */
export const linear = (from, to, start, end) => (value) =>
  start + ((value - from) / (to - from)) * (end - start);

/** A logarithmic scale; values outside are clamped. */
export const logarithmic = (from, to, start, end) => (value) => {
  const clamped = Math.min(Math.max(value, from), to);
  return start + (Math.log(clamped / from) / Math.log(to / from)) * (end - start);
};

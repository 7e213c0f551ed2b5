/** One clock for all processes of a run: the machine's monotonic clock, which every process reads alike. */

/** Now, in ms with fractions. Comparable between processes of one machine, and only there. */
export const now = () => Number(process.hrtime.bigint()) / 1e6;

/** @param {number} ms */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

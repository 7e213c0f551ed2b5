/** The machine's monotonic clock, which is the same for all processes of a run. */

/** The current instant, in ms with fractions. Comparable between the processes of one machine only. */
export const now = () => Number(process.hrtime.bigint()) / 1e6;

/** @param {number} ms */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

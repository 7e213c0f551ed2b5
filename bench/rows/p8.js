/** P8: one of three replicas is stopped: it accepts connections but does not respond. */
import { faultRow } from '../lib/fault-row.js';

export const id = 'P8';
export const title = 'SIGSTOP of 1 of 3';

/** @param {import('../lib/context.js').Context} context */
export const run = (context) =>
  faultRow(context, {
    fault: 'stop',
    plot: 'p8',
    title: 'P8  One of three replicas is stopped',
    slowGoal: 8,
    longestGoal: 150,
  });

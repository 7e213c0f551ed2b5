/** One of three replicas is stopped: it accepts connections but does not respond. */
import { faultRow } from '../lib/fault-row.js';

export const id = 'frozen-replica';
export const title = 'SIGSTOP of 1 of 3';

/** @param {import('../lib/context.js').Context} context */
export const run = (context) =>
  faultRow(context, {
    fault: 'stop',
    plot: 'frozen-replica',
    title: 'One of three replicas is stopped',
    slowGoal: 8,
    longestGoal: 150,
  });

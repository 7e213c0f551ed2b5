/** One of three replicas is killed. */
import { faultRow } from '../lib/fault-row.js';

export const id = 'killed-replica';
export const title = 'SIGKILL of 1 of 3';

/** @param {import('../lib/context.js').Context} context */
export const run = (context) =>
  faultRow(context, {
    fault: 'kill',
    plot: 'killed-replica',
    title: 'One of three replicas is killed',
    slowGoal: undefined,
    longestGoal: 40,
  });

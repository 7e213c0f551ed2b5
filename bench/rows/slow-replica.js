/** One of three replicas is slow from the start. Clients are not informed of it. */
import { slowReplicaRow } from '../lib/slow-replica-row.js';

export const id = 'slow-replica';
export const title = '1 of 3 replicas 200 ms slow, open loop';

/** @param {import('../lib/context.js').Context} context */
export const run = (context) =>
  slowReplicaRow(context, {
    id,
    replicas: 3,
    seconds: { quick: [2, 4], full: [8, 20] },
    goals: { times: 1.3, slowShare: 0.002, largestShare: 0.6 },
  });

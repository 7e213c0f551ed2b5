/** One of ten replicas is slow from the start. */
import { slowReplicaRow } from '../lib/slow-replica-row.js';

export const id = 'slow-replica-of-ten';
export const title = '1 of 10 replicas 200 ms slow, open loop';

/** @param {import('../lib/context.js').Context} context */
export const run = (context) =>
  slowReplicaRow(context, {
    id,
    replicas: 10,
    seconds: { quick: [2, 4], full: [2, 10] },
    extraClients: ['fault-balanced-retry'],
    goals: { ms: 7 },
  });

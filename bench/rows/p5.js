/** P5: one of three replicas is slow from the start, and nobody has told the clients. */
import { slowRow } from '../lib/slow-row.js';

export const id = 'P5';
export const title = '1 of 3 replicas 200 ms slow, open loop';

/** @param {import('../lib/context.js').Context} context */
export const run = (context) =>
  slowRow(context, {
    id,
    replicas: 3,
    seconds: { quick: [2, 4], full: [8, 20] },
    besides: ['world-balanced-retry', 'world-in-turn'],
    goals: { times: 1.3, slowShare: 0.002, largestShare: 0.6 },
  });

/** P2: what the name costs a program that speaks fetch. */
import { contestRow } from '../lib/contest-row.js';

export const id = 'P2';
export const title = 'client CPU per warm fetch';

const goal = {
  goal: 1.03,
  goalText: '≤ 1.03 × the same fetch with a plain Agent',
  reached: (/** @type {number} */ ratio) => ratio <= 1.03,
};

/** @param {import('../lib/context.js').Context} context */
export const run = (context) =>
  contestRow(context, {
    plot: 'p2',
    title: 'P2  One warm fetch',
    calls: 400,
    seconds: 110,
    contestants: {
      agent: { way: 'fetch-agent', servers: 1 },
      'clerk.fetch': { way: 'fetch-clerk', servers: 1 },
      'clerk.dispatcher': { way: 'fetch-clerk-dispatcher', servers: 1 },
      'built-in, agent': { way: 'node-fetch-agent', servers: 1 },
      'built-in, clerk.dispatcher': { way: 'node-fetch-clerk-dispatcher', servers: 1 },
    },
    comparisons: [
      { title: '', base: 'agent', keys: ['clerk.fetch', 'clerk.dispatcher'], ...goal },
      { title: '', base: 'built-in, agent', keys: ['built-in, clerk.dispatcher'], ...goal },
    ],
  });

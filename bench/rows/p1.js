/** P1: what a warm request costs, everything on, beside the pool that carries it. */
import { contestRow } from '../lib/contest-row.js';

export const id = 'P1';
export const title = 'client CPU per warm binding.request';

const goal = {
  goal: 1.05,
  goalText: '≤ 1.05 × Pool.request',
  reached: (/** @type {number} */ ratio) => ratio <= 1.05,
};

/** @param {import('../lib/context.js').Context} context */
export const run = (context) =>
  contestRow(context, {
    plot: 'p1',
    title: 'P1  One warm request',
    calls: 1_000,
    seconds: 130,
    contestants: {
      pool: { way: 'pool', servers: 1 },
      clerk: { way: 'clerk', servers: 1 },
      'pool + retry': { way: 'pool-retry', servers: 1 },
      'pool + timeout': { way: 'pool-timeout', servers: 1 },
      'pools of 3': { way: 'pools-in-turn', servers: 3 },
      'clerk of 3': { way: 'clerk', servers: 3 },
      'p2c of 3': { way: 'p2c', servers: 3 },
      'balanced of 3': { way: 'balanced', servers: 3 },
    },
    comparisons: [
      { title: 'one endpoint', base: 'pool', keys: ['clerk', 'pool + retry', 'pool + timeout'], ...goal },
      {
        title: 'three endpoints',
        base: 'pools of 3',
        keys: ['clerk of 3', 'p2c of 3', 'balanced of 3'],
        ...goal,
      },
    ],
  });

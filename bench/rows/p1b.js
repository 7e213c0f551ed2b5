/** P1b: what a whole JSON body costs when no stream stands in between. */
import { contestRow } from '../lib/contest-row.js';

export const id = 'P1b';
export const title = 'client CPU per warm binding.json';

/** @param {import('../lib/context.js').Context} context */
export const run = (context) =>
  contestRow(context, {
    plot: 'p1b',
    title: 'P1b  One whole JSON body',
    calls: 1_000,
    seconds: 40,
    contestants: {
      pool: { way: 'pool-json', servers: 1 },
      clerk: { way: 'clerk-json', servers: 1 },
      dispatch: { way: 'dispatch-json', servers: 1 },
    },
    comparisons: [
      {
        title: '',
        base: 'pool',
        keys: ['clerk', 'dispatch'],
        goal: 1,
        goalText: '< Pool.request + body.json, aim 0.85 ×',
        reached: (ratio) => ratio < 1,
      },
    ],
  });

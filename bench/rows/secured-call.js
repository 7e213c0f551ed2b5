/** Secured call: CPU of a warm call with a ticket over TLS, beside the Pool over mutual TLS without tickets. */
import { cpuCostRow } from '../lib/cpu-cost-row.js';
import { startSecuredFleet } from '../lib/secured-registry.js';

export const id = 'secured-call';
export const title = 'client CPU per warm call with tickets over TLS';

const goal = { goal: 1.03, reached: (/** @type {number} */ ratio) => ratio <= 1.03 };

/** @param {import('../lib/context.js').Context} context */
export const run = (context) =>
  cpuCostRow(context, {
    plot: id,
    title: 'One warm call with a ticket over TLS',
    calls: 1_000,
    seconds: 150,
    variants: {
      pool: { client: 'tls-pool', servers: 0 },
      header: { client: 'tls-pool-header', servers: 0 },
      clerk: { client: 'tls-clerk', servers: 0 },
      'pool json': { client: 'tls-pool-json', servers: 0 },
      'clerk json': { client: 'tls-clerk-json', servers: 0 },
    },
    comparisons: [
      {
        title: 'request',
        base: 'pool',
        keys: ['clerk', 'header'],
        goalText: '≤ 1.03 × Pool.request, mutual TLS',
        ...goal,
      },
      {
        title: 'request, beside the same header',
        base: 'header',
        keys: ['clerk'],
        goalText: '≤ 1.03 × Pool.request with a ticket header, mutual TLS',
        ...goal,
      },
      {
        title: 'json',
        base: 'pool json',
        keys: ['clerk json'],
        goalText: '≤ 1.03 × Pool.request + body.json, mutual TLS',
        ...goal,
      },
    ],
    async startServers() {
      const { client, end } = await startSecuredFleet(context);
      return { origins: [], secured: client, end };
    },
  });

/** Secured service: CPU of a service per request with a ticket, beside the same handler without `authenticate`. */
import { formatRate, spreadsOf, throughputRounds } from '../lib/throughput-row.js';
import { connections, requestBytes } from '../lib/registry-requests.js';
import { requestTicket } from '../lib/secured-clients.js';
import { startSecuredFleet, tlsOf } from '../lib/secured-registry.js';
import { spread } from '../lib/statistics.js';
import { ratioText } from '../lib/table.js';

export const id = 'secured-service';
export const title = 'service CPU per request with a ticket';

const path = '/orders/7';

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const fleet = await startSecuredFleet(context);
  try {
    const { client } = fleet;
    const ticket = await requestTicket(client);
    const pid = /** @type {number} */ (fleet.service.process.pid);
    const tls = tlsOf(client.identity);
    const h1 = Array.from({ length: connections }, () => [
      requestBytes(path, undefined, { 'clerk-ticket': ticket }),
    ]);
    const h2 = { generator: 'processes/h2-load-generator.js', pid, tls };
    const h2Request = /** @type {any} */ ([[{ ':path': path, 'clerk-ticket': ticket }]]);
    const servers = {
      tickets: { title: 'authenticate', port: client.ports.tickets, pid, tls, requests: h1 },
      bare: { title: 'without authenticate', port: client.ports.bare, pid, tls, requests: h1 },
      h2Tickets: { title: 'authenticate', port: client.ports.h2Tickets, requests: h2Request, ...h2 },
      h2Bare: { title: 'without authenticate', port: client.ports.h2Bare, requests: h2Request, ...h2 },
    };
    const samples = await throughputRounds(context, servers, {
      rounds: context.quick ? 3 : 12,
      seconds: context.quick ? 1 : 2,
    });
    const verdict = (/** @type {string} */ what, /** @type {string} */ ours, /** @type {string} */ base) => {
      const baseCpu = samples[base].cpuUs;
      const ratios = samples[ours].cpuUs.map((value, i) => value / baseCpu[i]);
      return {
        what,
        goal: '',
        ours: formatRate(samples[ours]),
        peers: `${servers[base].title} ${formatRate(samples[base])}`,
        ratio: ratios.length === 0 ? '' : ratioText(spread(ratios)),
        reached: undefined,
      };
    };
    return {
      verdicts: [
        verdict('HTTP/1.1, 64 connections', 'tickets', 'bare'),
        verdict('HTTP/2, 8 connections with 8 streams each', 'h2Tickets', 'h2Bare'),
      ],
      details: spreadsOf(samples),
      notes: [
        'secured-service: one process serves both handlers behind the same TLS, and all requests have the ticket. The ratio compares the CPU per response.',
      ],
    };
  } finally {
    await fleet.end();
  }
}

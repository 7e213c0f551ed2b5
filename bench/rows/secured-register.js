/** Secured registrations: durable registrations with an identity, beside those of an unsecured server. */
import { startBundledServer } from '../lib/registry-servers.js';
import { startSecuredServer, tlsOf } from '../lib/secured-registry.js';
import { formatRate, spreadsOf, throughputRounds } from '../lib/throughput-row.js';
import { spread } from '../lib/statistics.js';
import { ratioText } from '../lib/table.js';
import { prepareRequests } from './registrations.js';

export const id = 'secured-register';
export const title = 'durable registrations with an identity, 64 writers';

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const secured = await startSecuredServer(context);
  const unsecured = await startBundledServer(context, { durable: true });
  try {
    await secured.allow('/bench/host', '/bench/**', ['advertise']);
    const writer = await secured.enrol('/bench/host');
    const requests = await prepareRequests();
    const samples = await throughputRounds(
      context,
      {
        secured: { ...secured, title: 'secured', requests, tls: tlsOf(writer.identity) },
        unsecured: { ...unsecured, title: 'unsecured', requests },
      },
      { rounds: context.quick ? 3 : 8, seconds: context.quick ? 1 : 2 },
    );
    const ratio = spread(samples.secured.cpuUs.map((value, i) => value / samples.unsecured.cpuUs[i]));
    return {
      verdicts: [
        {
          what: '64 writers, 15 endpoints each',
          goal: '',
          ours: formatRate(samples.secured),
          peers: `without an identity ${formatRate(samples.unsecured)}`,
          ratio: ratio.count === 0 ? '' : ratioText(ratio),
          reached: undefined,
        },
      ],
      details: spreadsOf(samples),
      notes: [
        'secured-register: the load of the row registrations. One principal registers all endpoints, over 64 TLS connections. The ratio compares the server CPU per registration.',
      ],
    };
  } finally {
    await Promise.all([secured.end(), unsecured.end()]);
  }
}

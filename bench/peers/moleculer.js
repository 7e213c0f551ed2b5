/**
 * Moleculer as its documents offer it against nodes that fail: its Latency strategy, circuit breaker, retry policy and
 * request timeout, over its TCP transporter with a list of nodes and its shortest gossip period. Tries, waits and limits
 * as the other peers have them.
 */
import { ServiceBroker } from 'moleculer';
import { sleep } from '../lib/clock.js';

/**
 * @param {readonly string[]} urls - tcp://host:port/node
 * @returns {Promise<import('../lib/ways.js').Way>}
 */
export async function moleculer(urls) {
  const broker = new ServiceBroker({
    nodeID: 'client',
    logger: false,
    transporter: {
      type: 'TCP',
      options: { udpDiscovery: false, urls: [...urls], gossipPeriod: 1 },
    },
    registry: { strategy: 'Latency', strategyOptions: { pingInterval: 1 } },
    requestTimeout: 1_000,
    retryPolicy: { enabled: true, retries: 3, delay: 10, maxDelay: 100, factor: 2 },
    circuitBreaker: {
      enabled: true,
      threshold: 0.5,
      minRequestCount: 5,
      windowTime: 1,
      halfOpenTime: 1_000,
    },
  });
  await broker.start();
  // Gossip finds one node a second, by chance; whoever measures need not wait for that.
  const { tx } = /** @type {any} */ (broker.transit);
  const known = () => broker.registry.actions.get('orders.get')?.endpoints.length ?? 0;
  const patienceEnds = performance.now() + 20_000;
  while (known() < urls.length) {
    if (performance.now() > patienceEnds) throw new Error(`Moleculer has found ${known()} of ${urls.length}`);
    tx.sendGossipRequest();
    await sleep(50);
  }
  const call = () =>
    broker.call('orders.get', { order: 7 }).then((/** @type {any} */ { replica }) => replica);
  return { call, close: () => broker.stop() };
}

/**
 * Moleculer as it documents resilience: Latency strategy, circuit breaker, retry policy and request timeout, over its TCP
 * transporter with a list of nodes and the shortest gossip period. Attempts, backoff and timeout equal those of the other
 * peers.
 */
import { ServiceBroker } from 'moleculer';
import { sleep } from '../lib/clock.js';

/**
 * @param {readonly string[]} urls - tcp://host:port/node
 * @returns {Promise<import('../lib/clients.js').Client>}
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
  // Gossip finds one random node per second. Request it until all nodes are knownNodes.
  const { tx } = /** @type {any} */ (broker.transit);
  const knownNodes = () => broker.registry.actions.get('orders.get')?.endpoints.length ?? 0;
  const deadline = performance.now() + 20_000;
  while (knownNodes() < urls.length) {
    if (performance.now() > deadline)
      throw new Error(`Moleculer must find ${urls.length} nodes within 20 s; got ${knownNodes()}`);
    tx.sendGossipRequest();
    await sleep(50);
  }
  let ejections = 0;
  broker.localBus.on('$circuit-breaker.opened', () => ejections++);
  const call = (isReport = false) =>
    broker
      .call(isReport ? 'orders.report' : 'orders.get', { order: 7 })
      .then((/** @type {any} */ { replica }) => replica);
  return { call, close: () => broker.stop(), ejections: () => ejections };
}

/**
 * The replicas of `lib/server.js` as Moleculer nodes: one action, the same answer, the same delays and count. Nodes meet
 * over its TCP transporter. Its Latency strategy knows latencies by host name, so each node has one of its own, as it
 * would have where replicas run apart: an address of the loopback network, since nodes are connected to by it.
 */
import os from 'node:os';
import { ServiceBroker } from 'moleculer';
import { answering } from '../lib/children.js';
import { Replica } from '../lib/replica.js';
import { seeded } from '../lib/stats.js';

/** @type {Map<string, Replica>} */
const replicas = new Map();

answering({
  /** @param {{ replicas: import('../lib/replica.js').ReplicaInit[], seed: number }} input */
  async listen({ replicas: list, seed }) {
    const random = seeded(seed);
    const ports = [];
    for (const init of list) ports.push(await start(init, random));
    return ports;
  },
  count: () => Object.fromEntries([...replicas].map(([name, { received }]) => [name, received])),
});

/**
 * @param {import('../lib/replica.js').ReplicaInit} init
 * @param {() => number} random
 * @returns {Promise<number>} the port
 */
async function start(init, random) {
  const replica = new Replica(init, random);
  replicas.set(init.replica, replica);
  os.hostname = () => `127.0.0.${init.replica.charCodeAt(0) - 96}`;
  const broker = new ServiceBroker({
    nodeID: init.replica,
    logger: false,
    transporter: {
      type: 'TCP',
      options: { udpDiscovery: false, port: init.port ?? null, gossipPeriod: 1 },
    },
  });
  broker.createService({
    name: 'orders',
    actions: {
      get: () => new Promise((resolve) => replica.serve(() => resolve(replica.answer))),
    },
  });
  await broker.start();
  return /** @type {any} */ (broker.registry.nodes.localNode).port;
}

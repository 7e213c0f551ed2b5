/**
 * The replicas of `http-server.js` as Moleculer nodes: one action with the same response, delays and count. Nodes connect
 * over Moleculer's TCP transporter. Its Latency strategy stores latencies by host name, so each node has its own, as on
 * separate hosts. The host name is a loopback address, since nodes connect to it.
 */
import os from 'node:os';
import { ServiceBroker } from 'moleculer';
import { handleTasks } from '../lib/child-process.js';
import { Replica } from '../lib/replica.js';
import { seededRandom } from '../lib/statistics.js';

/** @type {Map<string, Replica>} */
const replicas = new Map();

handleTasks({
  /** @param {{ replicas: import('../lib/replica.js').ReplicaInit[], seed: number }} input */
  async listen({ replicas: list, seed }) {
    const random = seededRandom(seed);
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
      get: () => new Promise((resolve) => replica.serve(() => resolve(replica.body))),
    },
  });
  await broker.start();
  return /** @type {any} */ (broker.registry.nodes.localNode).port;
}

/**
 * The replicas of `http-server.js` as Moleculer nodes: actions with the same responses, delays and counts. Nodes connect
 * over Moleculer's TCP transporter. Its Latency strategy stores latencies by host name, so each node has its own, as on
 * separate hosts. The host name is a loopback address, since nodes connect to it.
 */
import os from 'node:os';
import { Errors, ServiceBroker } from 'moleculer';
import { serveReplicas } from '../lib/replica.js';

serveReplicas(async (replica, port) => {
  const { replica: name } = replica.body;
  os.hostname = () => `127.0.0.${name.charCodeAt(0) - 96}`;
  const broker = new ServiceBroker({
    nodeID: name,
    logger: false,
    transporter: {
      type: 'TCP',
      options: { udpDiscovery: false, port: port ?? null, gossipPeriod: 1 },
    },
  });
  const settle = (resolve, reject) => () =>
    replica.isFailing
      ? reject(new Errors.MoleculerRetryableError('Unavailable', 503))
      : resolve(replica.body);
  broker.createService({
    name: 'orders',
    actions: {
      get: () => new Promise((resolve, reject) => replica.serve(settle(resolve, reject))),
      report: () => new Promise((resolve, reject) => replica.serveReport(settle(resolve, reject))),
    },
  });
  await broker.start();
  return /** @type {any} */ (broker.registry.nodes.localNode).port;
});

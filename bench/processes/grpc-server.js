/** The replicas of `http-server.js` over gRPC: one unary method with the same response as JSON, the same delays and count. */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { handleTasks } from '../lib/child-process.js';
import { Replica } from '../lib/replica.js';
import { seededRandom } from '../lib/statistics.js';
import { service } from '../peers/grpc-service.js';

/** @type {Map<string, Replica>} */
const replicas = new Map();

handleTasks({
  /** @param {{ replicas: import('../lib/replica.js').ReplicaInit[], seed: number }} input */
  async listen({ replicas: list, seed }) {
    const random = seededRandom(seed);
    return Promise.all(list.map((init) => start(init, random)));
  },
  count: () => Object.fromEntries([...replicas].map(([name, { received }]) => [name, received])),
});

/**
 * @param {import('../lib/replica.js').ReplicaInit} init
 * @param {() => number} random
 * @returns {Promise<number>} the port
 */
function start(init, random) {
  const { port = 0 } = init;
  const replica = new Replica(init, random);
  replicas.set(init.replica, replica);
  const server = new Server();
  server.addService(service, {
    get: (_, callback) => replica.serve(() => callback(null, replica.body)),
  });
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
}

/** The replicas of `lib/server.js` behind gRPC: one unary method, the same answer as JSON, the same delays and count. */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { answering } from '../lib/children.js';
import { Replica } from '../lib/replica.js';
import { seeded } from '../lib/stats.js';
import { service } from './grpc-service.js';

/** @type {Map<string, Replica>} */
const replicas = new Map();

answering({
  /** @param {{ replicas: import('../lib/replica.js').ReplicaInit[], seed: number }} input */
  async listen({ replicas: list, seed }) {
    const random = seeded(seed);
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
    get: (_, callback) => replica.serve(() => callback(null, replica.answer)),
  });
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
}

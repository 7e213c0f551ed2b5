/**
 * A process with one or more replicas of a small HTTP service: keep-alive, a JSON body of about 100 bytes, and a delay
 * drawn uniformly in whole ms (default none). Counts the requests of each replica.
 */
import { createServer } from 'node:http';
import { handleTasks } from '../lib/child-process.js';
import { Replica } from '../lib/replica.js';
import { seededRandom } from '../lib/statistics.js';

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
  const body = Buffer.from(JSON.stringify(replica.body));
  const head = { 'content-type': 'application/json', 'content-length': body.length };
  const server = createServer((request, response) => {
    if (!request.url?.startsWith('/orders/')) return void response.writeHead(404).end();
    replica.serve(() => response.writeHead(200, head).end(request.method === 'HEAD' ? undefined : body));
  });
  server.keepAliveTimeout = 60_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(/** @type {any} */ (server.address()).port));
  });
}

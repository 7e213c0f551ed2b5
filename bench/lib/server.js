/**
 * A process with one or more replicas of a small HTTP service: keep-alive, a JSON body of about 100 bytes, after a delay
 * drawn uniformly between two whole ms (none by default). Counts what each replica was sent.
 */
import { createServer } from 'node:http';
import { answering } from './children.js';
import { seeded } from './stats.js';

/** @typedef {{ replica: string, port?: number, minMs?: number, maxMs?: number }} ReplicaInit */

/** @type {Map<string, { received: number, minMs: number, maxMs: number }>} */
const replicas = new Map();

answering({
  /** @param {{ replicas: ReplicaInit[], seed: number }} input */
  async listen({ replicas: list, seed }) {
    const random = seeded(seed);
    return Promise.all(list.map((init) => start(init, random)));
  },
  count: () => Object.fromEntries([...replicas].map(([name, { received }]) => [name, received])),
});

/**
 * @param {ReplicaInit} init
 * @param {() => number} random
 * @returns {Promise<number>} the port
 */
function start({ replica, port = 0, minMs = 0, maxMs = minMs }, random) {
  const state = { received: 0, minMs, maxMs };
  replicas.set(replica, state);
  const body = Buffer.from(
    JSON.stringify({
      order: 7,
      customer: 'c-1024',
      total: 12.5,
      currency: 'EUR',
      items: ['pen', 'ink'],
      replica,
    }),
  );
  const head = { 'content-type': 'application/json', 'content-length': body.length };
  const server = createServer((request, response) => {
    if (!request.url?.startsWith('/orders/')) return void response.writeHead(404).end();
    state.received++;
    const answer = () => response.writeHead(200, head).end(request.method === 'HEAD' ? undefined : body);
    if (state.maxMs === 0) answer();
    else setTimeout(answer, state.minMs + Math.floor(random() * (state.maxMs - state.minMs + 1)));
  });
  server.keepAliveTimeout = 60_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(/** @type {any} */ (server.address()).port));
  });
}

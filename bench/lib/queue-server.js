/**
 * Replicas with a fixed capacity: a few workers, each busy with a request for a fixed time, and a queue with so much room;
 * whoever finds it full is told 503. As most services do, they work also on what its caller has given up long ago. They
 * count what they were sent in each second, and how many answers nobody waited for.
 */
import { createServer } from 'node:http';
import { answering } from './children.js';
import { now } from './clock.js';

let serviceMs = 0;
let startAt = Infinity;
/** @type {number[]} */
let sent = [];
let wasted = 0;

answering({
  /** @param {{ replicas: { replica: string }[], workers: number, ms: number, room: number }} input */
  async listen({ replicas, workers, ms, room }) {
    serviceMs = ms;
    return Promise.all(replicas.map(({ replica }) => start(replica, workers, room)));
  },
  /** How long every request takes that is begun from now on. @param {{ ms: number }} input */
  pace({ ms }) {
    serviceMs = ms;
  },
  /** Counts by the second from a moment of the machine's clock. @param {{ at: number }} input */
  countFrom({ at }) {
    startAt = at;
    sent = [];
    wasted = 0;
  },
  count: () => ({ sent: Array.from(sent, (number) => number ?? 0), wasted }),
});

/**
 * @param {string} replica
 * @param {number} workers
 * @param {number} room
 * @returns {Promise<number>} the port
 */
function start(replica, workers, room) {
  /** @type {(() => void)[]} */
  const queue = [];
  let idle = workers;
  // A worker goes on at the moment that its last request was to end, however late its timer is.
  const work = (/** @type {() => void} */ answer, from) => {
    const endsAt = from + serviceMs;
    setTimeout(() => {
      answer();
      const next = queue.shift();
      if (next) work(next, endsAt);
      else idle++;
    }, endsAt - now());
  };
  const body = JSON.stringify({ order: 7, replica });
  const head = { 'content-type': 'application/json', 'content-length': body.length };
  const server = createServer((_, response) => {
    const at = now();
    if (at >= startAt) {
      const second = Math.floor((at - startAt) / 1_000);
      sent[second] = (sent[second] ?? 0) + 1;
    }
    const answer = () => {
      if (response.destroyed) wasted++;
      else response.writeHead(200, head).end(body);
    };
    if (idle > 0) {
      idle--;
      work(answer, at);
    } else if (queue.length < room) queue.push(answer);
    else response.writeHead(503, { 'content-type': 'application/json', 'content-length': 2 }).end('{}');
  });
  server.keepAliveTimeout = 60_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(/** @type {any} */ (server.address()).port));
  });
}

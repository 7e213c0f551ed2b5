/**
 * Replicas with a fixed capacity: each has a few workers, which take a fixed time per request, and a bounded queue. A full
 * queue responds 503. Like most services, they also process requests whose client has disconnected. They count the
 * requests of each second, and the responses whose client had disconnected.
 */
import { createServer } from 'node:http';
import { handleTasks } from '../lib/child-process.js';
import { now } from '../lib/clock.js';

let serviceMs = 0;
let startAt = Infinity;
/** @type {number[]} */
let sent = [];
let wasted = 0;

handleTasks({
  /** @param {{ replicas: { replica: string }[], workers: number, ms: number, queueLimit: number }} input */
  async listen({ replicas, workers, ms, queueLimit }) {
    serviceMs = ms;
    return Promise.all(replicas.map(({ replica }) => start(replica, workers, queueLimit)));
  },
  /** Sets the processing time of requests that start from now on. @param {{ ms: number }} input */
  setServiceTime({ ms }) {
    serviceMs = ms;
  },
  /** Resets the counts; they start at an instant of `now()`. @param {{ at: number }} input */
  startCounting({ at }) {
    startAt = at;
    sent = [];
    wasted = 0;
  },
  count: () => ({ sent: Array.from(sent, (number) => number ?? 0), wasted }),
});

/**
 * @param {string} replica
 * @param {number} workers
 * @param {number} queueLimit
 * @returns {Promise<number>} the port
 */
function start(replica, workers, queueLimit) {
  /** @type {(() => void)[]} */
  const queue = [];
  let idle = workers;
  // The next request starts when the last one was due to end, so a late timer does not lower the capacity.
  const work = (/** @type {() => void} */ respond, from) => {
    const endsAt = from + serviceMs;
    setTimeout(() => {
      respond();
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
    const respond = () => {
      if (response.destroyed) wasted++;
      else response.writeHead(200, head).end(body);
    };
    if (idle > 0) {
      idle--;
      work(respond, at);
    } else if (queue.length < queueLimit) queue.push(respond);
    else response.writeHead(503, { 'content-type': 'application/json', 'content-length': 2 }).end('{}');
  });
  server.keepAliveTimeout = 60_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(/** @type {any} */ (server.address()).port));
  });
}

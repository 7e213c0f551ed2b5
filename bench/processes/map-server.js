/**
 * A bare node:http server over a Map, without limits, checks, watches or storage. It responds to a lookup with a prepared
 * body, and to a listing by iterating over the Map. It shows the upper bound of this platform.
 */
import { createServer } from 'node:http';
import { handleTasks } from '../lib/child-process.js';

/** @type {Map<string, Buffer>} */
const names = new Map();

handleTasks({
  /** @param {{ responses: Record<string, string> }} input */
  async start({ responses }) {
    for (const [name, text] of Object.entries(responses)) names.set(name, Buffer.from(text));
    const server = createServer((request, response) => {
      const [path, query = ''] = (request.url ?? '').split('?');
      const nameOrGlob = decodeURIComponent(query.slice(query.indexOf('=') + 1));
      const body = path === '/v1/list' ? listing(nameOrGlob) : names.get(nameOrGlob);
      if (body === undefined) return void response.writeHead(404).end();
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
        .end(body);
    });
    server.keepAliveTimeout = 60_000;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => resolve(/** @type {any} */ (server.address()).port));
    });
  },
});

/** @param {string} glob - ends with `*` */
function listing(glob) {
  const prefix = glob.slice(0, -1);
  const entries = [];
  for (const name of names.keys())
    if (name.startsWith(prefix)) entries.push({ name, kind: 'service', endpoints: 0 });
  return Buffer.from(JSON.stringify({ entries, next: null }));
}

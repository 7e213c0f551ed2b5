/**
 * A bare node:http server over a Map: no limits, no checks, no watches, nothing kept. It answers a look-up with text that
 * lies there, and a listing by walking over the Map: what this platform can do when nothing else is asked of it.
 */
import { createServer } from 'node:http';
import { answering } from '../lib/children.js';

/** @type {Map<string, Buffer>} */
const names = new Map();

answering({
  /** @param {{ answers: Record<string, string> }} input */
  async start({ answers }) {
    for (const [name, text] of Object.entries(answers)) names.set(name, Buffer.from(text));
    const server = createServer((request, response) => {
      const [path, query = ''] = (request.url ?? '').split('?');
      const wanted = decodeURIComponent(query.slice(query.indexOf('=') + 1));
      const body = path === '/v1/list' ? listing(wanted) : names.get(wanted);
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

/** @param {string} glob - ends with a star */
function listing(glob) {
  const prefix = glob.slice(0, -1);
  const entries = [];
  for (const name of names.keys())
    if (name.startsWith(prefix)) entries.push({ name, kind: 'service', endpoints: 0 });
  return Buffer.from(JSON.stringify({ entries, next: null }));
}

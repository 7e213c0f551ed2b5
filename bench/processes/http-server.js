/**
 * A process with one or more replicas of a small HTTP service: keep-alive, a JSON body of about 100 bytes, and a delay
 * drawn uniformly in whole ms (default none). Counts the requests of each replica.
 */
import { createServer } from 'node:http';
import { serveReplicas } from '../lib/replica.js';

serveReplicas((replica, port = 0) => {
  const body = Buffer.from(JSON.stringify(replica.body));
  const head = { 'content-type': 'application/json', 'content-length': body.length };
  const status = replica.isFailing ? 503 : 200;
  const server = createServer(({ method, url }, response) => {
    const respond = () => void response.writeHead(status, head).end(method === 'HEAD' ? undefined : body);
    if (method === 'OPTIONS') response.writeHead(replica.optionsStatus).end();
    else if (url?.startsWith('/orders/')) replica.serve(respond);
    else if (url?.startsWith('/reports/')) replica.serveReport(respond);
    else response.writeHead(404).end();
  });
  server.keepAliveTimeout = 60_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(/** @type {any} */ (server.address()).port));
  });
});

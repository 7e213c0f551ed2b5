/**
 * A service that can be started on demand: it says when it listens, and when it is advertised.
 *
 *     node startable.js SERVICE_MODULE FILE NAME               by a launcher
 *     node startable.js SERVICE_MODULE FILE NAME REGISTRY      by hand
 *
 * FILE gets two lines of JSON from each start.
 */
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { now } from './clock.js';

const [library, file, name, registry] = process.argv.slice(2);
const tell = (/** @type {string} */ what) =>
  appendFileSync(file, `${JSON.stringify({ what, pid: process.pid, at: now() })}\n`);

const { advertise } = await import(library);
const body = JSON.stringify({ pid: process.pid });
const head = { 'content-type': 'application/json', 'content-length': body.length };
const server = createServer((_, response) => response.writeHead(200, head).end(body));
server.listen(0, '127.0.0.1', () => tell('listens'));
await advertise({ address: server, name, ...(registry !== undefined && { registry }) });
tell('advertised');

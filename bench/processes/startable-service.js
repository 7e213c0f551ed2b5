/**
 * A service that is started on demand. It records when it listens, and when it is advertised.
 *
 *     node startable-service.js SERVICE_MODULE FILE NAME               by a launcher
 *     node startable-service.js SERVICE_MODULE FILE NAME REGISTRY      directly
 *
 * Each start appends two lines of JSON to FILE.
 */
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { now } from '../lib/clock.js';

const [library, file, name, registry] = process.argv.slice(2);
const record = (/** @type {string} */ event) =>
  appendFileSync(
    file,
    `${JSON.stringify({ event, pid: process.pid, at: now(), upMs: process.uptime() * 1_000 })}\n`,
  );

const { advertise } = await import(library);
const body = JSON.stringify({ pid: process.pid });
const head = { 'content-type': 'application/json', 'content-length': body.length };
const server = createServer((_, response) => response.writeHead(200, head).end(body));
server.listen(0, '127.0.0.1', () => record('listens'));
await advertise({ address: server, name, ...(registry !== undefined && { registry }) });
record('advertised');

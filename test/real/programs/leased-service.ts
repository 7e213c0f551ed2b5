/** A service with a lease of 1 s that prints the state of its registration. */
import { createServer } from 'node:http';
import { advertise } from 'binding-clerk/service';
import { printLine } from './print-line.js';

const [registry = '', id = ''] = process.argv.slice(2);
const server = createServer((_request, response) => response.end(id)).listen(0, '127.0.0.1');
const ad = await advertise({
  name: '/shop/orders',
  id,
  address: server,
  registry,
  leaseMs: 1_000,
  drainOnSignal: false,
});
let lost = 0;
ad.on('lost', () => lost++);
ad.on('registered', () => printLine('back', String(lost)));
printLine('registered', String(ad.epoch));

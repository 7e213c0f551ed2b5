/** A service on all interfaces of its host; with `other` as registry, a program that does not know of the service. */
import { createServer } from 'node:http';
import { advertise } from 'binding-clerk/service';
import { printLine } from './print-line.js';

const [registry = '', port = '0'] = process.argv.slice(2);
const server = createServer((request, response) => {
  if (registry === 'other') printLine('other', request.method);
  response.end('service');
}).listen(Number(port), '0.0.0.0', () => void start());

async function start(): Promise<void> {
  if (registry !== 'other') {
    const ad = await advertise({ name: '/shop/orders', address: server, registry, leaseMs: 2_000 });
    ad.on('registered', () => undefined);
    printLine('advertised', ad.addresses.join(' '));
  } else printLine('listening');
}

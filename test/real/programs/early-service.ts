/** A service that advertises its address a given time before it listens there. */
import { createServer } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { advertise } from 'binding-clerk/service';
import { printLine } from './print-line.js';

const [registry = '', address = '', delayMs = ''] = process.argv.slice(2);
const log = (line: string): void => printLine('log', line);
const ad = await advertise({
  name: '/shop/orders',
  address,
  registry,
  drainOnSignal: false,
  logger: { debug: log, info: log, warn: log, error: log },
});
printLine('advertised', ad.state);
await setTimeout(Number(delayMs));
const { hostname, port } = new URL(address);
const place = address.startsWith('unix:')
  ? { path: address.slice(5) }
  : { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
createServer((_request, response) => response.end('ok')).listen(place);
const states = setInterval(() => {
  if (ad.state !== 'registered') return;
  clearInterval(states);
  printLine('state', ad.state);
}, 10);

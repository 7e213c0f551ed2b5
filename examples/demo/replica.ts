/**
 * One replica: a plain HTTP server in a process of its own, which tells the registry where it listens. It works on each
 * request for 4 to 7 ms, then says who it is. Forked by the demo, it ends with it; started by the launcher, it has its
 * name as the last word of its command line and all else on standard input, which `advertise` reads.
 *
 *   replica.ts NAME PORT INSTANCE REGISTRY
 *   replica.ts /shop/reports                 started by the launcher
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { advertise } from 'binding-clerk/service';

const [name = '', port = '0', id, registry] = process.argv.slice(2);
const replica = name.split('/').at(-1);

const server = createServer((request, response) => {
  const answer = JSON.stringify({ replica, pid: process.pid, asked: request.url });
  setTimeout(() => response.setHeader('content-type', 'application/json').end(answer), 4 + 3 * Math.random());
});
server.listen(Number(port), '127.0.0.1', () =>
  process.send?.({ port: (server.address() as AddressInfo).port }),
);

process.on('disconnect', () => process.exit());
process.on('SIGINT', () => {}); // Ctrl-C in the terminal reaches us too; the demo decides

// With nobody at the registry it goes on trying; meanwhile whoever knew this address already may call.
const quiet = () => undefined; // that the registry is gone is what the demo shows anyway
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
if (id === undefined || registry === undefined) await advertise({ name, address: server, logger });
else await advertise({ name: '/shop/orders', id, address: server, registry, logger });

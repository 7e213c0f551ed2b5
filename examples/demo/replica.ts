/**
 * One replica: a plain HTTP server in a process of its own that registers its address. A request takes 4 to 7 ms; the
 * response names the replica. Forked by the demo, it ends with the demo. Started by the launcher, its name is its last
 * argument, and `advertise` reads the rest from standard input.
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
  const body = JSON.stringify({ replica, pid: process.pid, url: request.url });
  setTimeout(() => response.setHeader('content-type', 'application/json').end(body), 4 + 3 * Math.random());
});
server.listen(Number(port), '127.0.0.1', () =>
  process.send?.({ port: (server.address() as AddressInfo).port }),
);

process.on('disconnect', () => process.exit());
process.on('SIGINT', () => {}); // Ctrl-C in a terminal reaches this process too; the demo decides

// While the registry is down, `advertise` keeps trying, and clerks that know the address may call.
const quiet = () => undefined; // the demo shows the state of the registry itself
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
if (id === undefined || registry === undefined) await advertise({ name, address: server, logger });
else await advertise({ name: '/shop/orders', id, address: server, registry, logger });

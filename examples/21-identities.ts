/**
 * Two services and a stranger on one machine: the registry is secured, so each program has a name and a key. A
 * program without a right gets neither an address nor a ticket. The service knows the name of each caller.
 */
import { createServer } from 'node:https';
import { createClerk, isClerkError } from 'binding-clerk';
import { advertise, authenticate, callerOf } from 'binding-clerk/service';
import { securedRegistry } from './lib/secured-registry.js';

export async function main(): Promise<void> {
  const registry = await securedRegistry();
  const orders = await registry.enroll('/shop/orders'); // in a terminal: clerk token …, clerk enroll …
  const web = await registry.enroll('/shop/web');
  const stranger = await registry.enroll('/stranger');
  await registry.admin.access.allow('/shop/web', '/shop/orders', ['call']); // clerk acl allow …

  const greet = authenticate((request, response) => response.end(`hello ${callerOf(request)?.principal}`), {
    identity: orders,
  });
  const server = createServer(orders.tls(), greet).listen(0, '127.0.0.1');
  const ad = await advertise({ name: '/shop/orders', address: server, identity: orders });

  for (const identity of [web, stranger, undefined]) {
    const clerk = createClerk({ registry: registry.url, registryKey: registry.registryKey, identity });
    const call = clerk.bind('/shop/orders').text('/');
    console.log(await call.catch((error: unknown) => isClerkError(error) && error.code));
    await clerk.close();
  }
  await ad.close();
  server.close();
  await registry.stop();
}

if (process.argv[1] === import.meta.filename) await main();
//=> hello /shop/web
//=> NAME_NOT_FOUND
//=> IDENTITY_INVALID

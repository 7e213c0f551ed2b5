/**
 * A service dies, and another program takes its port before the lease ends. The other program does not have the key
 * of the service, so the clerk sends no byte of a request to it. The call fails, and certainly did not run.
 */
import { createServer } from 'node:https';
import { once } from 'node:events';
import { createClerk, isClerkError } from 'binding-clerk';
import { startGreeter } from './lib/greeter.js';
import { securedRegistry } from './lib/secured-registry.js';

export async function main(): Promise<void> {
  const registry = await securedRegistry();
  const service = await startGreeter(await registry.enroll('/shop/orders'));
  const rogue = await registry.enroll('/rogue'); // even an enrolled key of another name proves nothing
  await registry.admin.access.allow('/shop/web', '/shop/orders', ['call']);
  const clerk = createClerk({ registry: registry.url, identity: await registry.enroll('/shop/web') });
  const orders = clerk.bind('/shop/orders');
  console.log(await orders.text('/'));

  await service.crash();
  let received = 0;
  const server = createServer(rogue.tls(), () => received++).listen(service.port, '127.0.0.1');
  await once(server, 'listening');
  const error: unknown = await orders.text('/pay', { method: 'POST' }).catch((reason: unknown) => reason);
  if (isClerkError(error)) console.log(`${error.code}, executed: ${error.execution}`);
  console.log(`requests at the rogue server: ${received}`);

  await clerk.close();
  server.close();
  await service.stop();
  await registry.stop();
}

if (process.argv[1] === import.meta.filename) await main();
//=> hello /shop/web
//=> ENDPOINT_UNPROVEN, executed: none
//=> requests at the rogue server: 0

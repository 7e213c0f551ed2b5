/**
 * A right is taken away while calls continue. The registry refuses the next ticket at once. The ticket that the program
 * has stays valid until it expires, since the service does not ask the registry for each request.
 */
import { createClerk, isClerkError } from 'binding-clerk';
import { startGreeter } from './lib/greeter.js';
import { securedRegistry } from './lib/secured-registry.js';

export async function main(): Promise<void> {
  const registry = await securedRegistry();
  const service = await startGreeter(await registry.enroll('/shop/orders'));
  const identity = await registry.enroll('/shop/web');
  const { access } = registry.admin;
  await access.allow('/shop/web', '/shop/orders', ['read', 'call']);
  const clerk = createClerk({ registry: registry.url, identity });
  const orders = clerk.bind('/shop/orders');
  console.log(await orders.text('/'));
  await access.remove('/shop/web', '/shop/orders', ['call']);
  const { allowed } = await access.explain('/shop/web', '/shop/orders', 'call');
  console.log(`allowed: ${allowed}`);
  console.log(`with the ticket of before: ${await orders.text('/')}`);
  const { expiresInMs = Infinity } = orders.explain().ticket ?? {};
  console.log(`the ticket ends within 5 minutes: ${expiresInMs <= 300_000}`);
  await clerk.close();

  const restarted = createClerk({ registry: registry.url, identity }); // has no ticket yet
  const call = restarted.bind('/shop/orders').text('/');
  console.log(await call.catch((error: unknown) => isClerkError(error) && error.code));
  await restarted.close();
  await service.stop();
  await registry.stop();
}

if (process.argv[1] === import.meta.filename) await main();
//=> hello /shop/web
//=> allowed: false
//=> with the ticket of before: hello /shop/web
//=> the ticket ends within 5 minutes: true
//=> FORBIDDEN

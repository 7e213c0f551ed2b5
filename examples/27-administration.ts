/**
 * Administration from a program: names are defined, linked, moved and copied to a second registry, as with the
 * commands of `clerk`. A change is refused while clients may still rely on the present settings. The error states the
 * remaining time.
 */
import { createClerk, isClerkError } from 'binding-clerk';
import { administer } from 'binding-clerk/admin';
import { startServer } from 'binding-clerk/server';

export async function main(): Promise<void> {
  const server = await startServer({ port: 0 });
  const registry = await administer({ registry: server.url });
  await registry.define('/orders', { policy: 'load-aware', timeoutMs: 2_000 });
  await registry.move('/orders', '/shop/orders'); // the old name becomes a link
  await registry.link('/shop/checkout', '/shop/orders');
  for await (const names of registry.list('/**'))
    for (const { name, kind, target = kind } of names) console.log(name, target);

  const clerk = createClerk({ registry: server.url });
  await clerk.resolve('/shop/orders'); // from now on, the settings are guaranteed for 5 s
  const early = await registry.define('/shop/orders', { timeoutMs: 1_000 }).catch((error: unknown) => error);
  if (isClerkError(early)) console.log(early.code, (early.remainingMs ?? 0) > 4_000);
  const { appliesInMs } = await registry.define('/shop/orders', { timeoutMs: 1_000, whenExpired: true });
  console.log(`scheduled: ${appliesInMs > 0}`);

  const copy = await startServer({ port: 0 });
  const backup = await administer({ registry: copy.url });
  const { entries } = await backup.import(registry.export());
  console.log(`copied: ${entries}`);
  for (const each of [clerk, registry, backup, server, copy]) await each.close();
}

if (process.argv[1] === import.meta.filename) await main();
//=> /orders /shop/orders
//=> /shop/checkout /shop/orders
//=> /shop/orders service
//=> CHANGE_TOO_EARLY true
//=> scheduled: true
//=> copied: 3

/**
 * A launched service that enrolls itself: the launcher gives the new process a one-time ticket, and with this ticket
 * the process enrolls its own key. No key is on disk, and the key ends with the instance.
 */
import { createClerk } from 'binding-clerk';
import { writeManifest } from './lib/registry.js';
import { securedRegistry } from './lib/secured-registry.js';

export async function main(): Promise<void> {
  const program = new URL('lib/launched-service.ts', import.meta.url);
  const registry = await securedRegistry((folder) =>
    writeManifest(folder, 'reports', '/shop/reports', program),
  );
  const { admin } = registry;
  await admin.define('/shop/reports', { launch: { manifest: 'reports' } });
  await admin.access.allow('/shop/web', '/shop/reports', ['call', 'launch']);

  const clerk = createClerk({ registry: registry.url, identity: await registry.enroll('/shop/web') });
  console.log(await clerk.bind('/shop/reports').text('/', { timeoutMs: 60_000 })); // starts the service
  const [key] = await admin.identities.list('/shop/reports');
  const { endpoints } = await clerk.resolve('/shop/reports');
  console.log(`enrolled by ${key?.by}, for the running instance: ${key?.instance?.id === endpoints[0]?.id}`);
  await clerk.close();

  await admin.stop('/shop/reports');
  console.log(`keys after the stop: ${(await admin.identities.list('/shop/reports')).length}`);
  await registry.stop();
}

if (process.argv[1] === import.meta.filename) await main();
//=> hello /shop/web
//=> enrolled by launch, for the running instance: true
//=> keys after the stop: 0

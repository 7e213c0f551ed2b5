/**
 * A launched service that enrolls itself: the launcher gives the new process a one-time ticket, and with it the process
 * enrolls a key of its own. No key is on disk, and the key ends with the instance.
 */
import { createClerk } from 'binding-clerk';
import { writeManifest } from './lib/registry.js';
import { securedRegistry } from './lib/secured-registry.js';

export async function main(): Promise<void> {
  const program = new URL('lib/launched-service.ts', import.meta.url);
  const registry = await securedRegistry((folder) =>
    writeManifest(folder, 'reports', '/shop/reports', program),
  );
  await registry.clerk('define /shop/reports --launch reports');
  await registry.clerk('acl allow /shop/web /shop/reports call,launch');

  const clerk = createClerk({ registry: registry.url, identity: await registry.enroll('/shop/web') });
  console.log(await clerk.bind('/shop/reports').text('/', { timeoutMs: 60_000 })); // starts the service
  const { by, instance } = JSON.parse(await registry.clerk('identity ls /shop/reports --json'));
  const { endpoints } = await clerk.resolve('/shop/reports');
  console.log(`enrolled by ${by}, for the running instance: ${instance.id === endpoints[0]?.id}`);
  await clerk.close();

  await registry.clerk('stop /shop/reports');
  console.log(`keys after the stop: ${(await registry.clerk('identity ls /shop/reports')) || 'none'}`);
  await registry.stop();
}

if (process.argv[1] === import.meta.filename) await main();
//=> hello /shop/web
//=> enrolled by launch, for the running instance: true
//=> keys after the stop: none

/** The five minutes of docs/launcher.md: the first call starts a service, with a variable of the registry. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClerk } from 'binding-clerk';
import { administer } from 'binding-clerk/admin';
import { startServer } from 'binding-clerk/server';

export async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'clerk-example-'));
  mkdirSync(join(folder, 'manifests'), { mode: 0o700 });
  const manifest = {
    version: 1,
    service: '/shop/greeter',
    exec: '/usr/bin/env',
    args: [process.execPath, '--import', 'tsx', fileURLToPath(new URL('greeter.js', import.meta.url))],
    env: ['GREETING'],
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  };
  writeFileSync(join(folder, 'manifests/greeter.yaml'), JSON.stringify(manifest), { mode: 0o600 });
  process.env.GREETING = 'hello';

  const registry = await startServer({ port: 0, manifests: join(folder, 'manifests') });
  const admin = await administer({ registry: registry.url });
  await admin.define('/shop/greeter', { launch: { manifest: 'greeter' } });
  const clerk = createClerk({ registry: registry.url });
  console.log((await clerk.bind('/shop/greeter').text('/')).trim());

  await admin.stop('/shop/greeter');
  await admin.close();
  await clerk.close();
  await registry.close();
  rmSync(folder, { recursive: true });
}

if (process.argv[1] === import.meta.filename) await main();
//=> hello

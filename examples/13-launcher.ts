/**
 * Start on demand through the launcher: the service is not running, and the clerk has no factory. The registry starts what
 * its operator's manifest allows, once for all callers. The service is up when it has advertised itself.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClerk } from 'binding-clerk';
import { administer } from 'binding-clerk/admin';
import { startServer } from 'binding-clerk/server';
import type { Answer } from './demo/runs.js';
import { writeManifest } from './lib/registry.js';

export async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'clerk-example-'));
  await writeManifest(folder, 'reports', '/shop/reports', new URL('demo/replica.ts', import.meta.url));
  const registry = await startServer({ port: 0, manifests: `${folder}/manifests` });
  const admin = await administer({ registry: registry.url });
  await admin.define('/shop/reports', { launch: { manifest: 'reports' } });

  const clerks = Array.from({ length: 3 }, () => createClerk({ registry: registry.url }));
  const bindings = clerks.flatMap((clerk) => Array.from({ length: 20 }, () => clerk.bind('/shop/reports')));
  const responses = await Promise.all(bindings.map((reports) => reports.json<Answer>('/reports/7')));
  console.log(`60 callers of 3 clerks, processes: ${new Set(responses.map(({ pid }) => pid)).size}`);

  await admin.stop('/shop/reports');
  const { pid } = await bindings[0]!.json<Answer>('/reports/7');
  console.log(`stopped, and the next call starts it again: ${pid !== responses[0]?.pid}`);

  await admin.stop('/shop/reports');
  await Promise.all(clerks.map((clerk) => clerk.close()));
  await admin.close();
  await registry.close();
  rmSync(folder, { recursive: true });
}

if (process.argv[1] === import.meta.filename) await main();
//=> 60 callers of 3 clerks, processes: 1
//=> stopped, and the next call starts it again: true

/** Starts the video-on-demand system: its registry, file servers and manager. The query server starts with the first call. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClerk, type Binding } from 'binding-clerk';
import { administer } from 'binding-clerk/admin';
import { Program } from '../lib/program.js';
import { Registry, writeManifest } from '../lib/registry.js';

const service = new URL('service.ts', import.meta.url);

class Service extends Program {
  readonly #registry: Registry;

  constructor(name: string, registry: Registry) {
    super(name);
    this.#registry = registry;
  }

  protected override command(port: number, start: number): readonly [string, ...string[]] {
    const id = `${this.name.split('/').at(-1)}.${start}`;
    return [fileURLToPath(service), this.name, String(port), id, this.#registry.url];
  }
}

/** The running parts, and the binding that the browser uses. */
export async function system(): Promise<{
  readonly browser: Binding;
  readonly videoServers: readonly Program[];
  readonly registry: Registry;
  stop(): Promise<void>;
}> {
  const folder = mkdtempSync(join(tmpdir(), 'clerk-video-'));
  await writeManifest(folder, 'query-server', '/bvods/qs', service);
  const registry = new Registry(folder);
  await registry.start();
  const admin = await administer({ registry: registry.url });
  await admin.define('/bvods/qs', { launch: { manifest: 'query-server' } });
  await admin.link('/bvods/vfs1/cms', '/cms/host1');
  await admin.link('/bvods/vfs2/cms', '/cms/host2');

  const videoServers = ['/cms/host1', '/cms/host2'].map((name) => new Service(name, registry));
  const manager = new Service('/bvods/vmgr', registry);
  await Promise.all([...videoServers, manager].map((program) => program.start()));
  const clerk = createClerk({ registry: registry.url });
  for (const name of ['/cms/host1', '/cms/host2', '/bvods/vmgr']) await waitForEndpoint(clerk, name);
  return {
    browser: clerk.bind('/bvods/qs', { timeoutMs: 20_000 }),
    videoServers,
    registry,
    async stop() {
      await clerk.close();
      await admin.stop('/bvods/qs');
      await admin.close();
      await Promise.all([...videoServers, manager, registry].map((program) => program.kill()));
      rmSync(folder, { recursive: true });
    },
  };
}

/** Waits until a service has an endpoint. */
async function waitForEndpoint(clerk: ReturnType<typeof createClerk>, name: string): Promise<void> {
  for await (const change of clerk.watch(name)) {
    if (change.type === 'put' && change.endpoints.length > 0) return;
  }
}

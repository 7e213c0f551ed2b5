/** A secured registry in this process, and the administration of its operator. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { administer, type RegistryAdmin } from 'binding-clerk/admin';
import { openIdentity, type Identity } from 'binding-clerk/identity';
import { initializeRegistry, startServer } from 'binding-clerk/server';

export interface SecuredRegistry {
  readonly url: string;
  readonly registryKey: string;
  /** What the operator may do, such as `clerk acl allow` in a terminal. */
  readonly admin: RegistryAdmin;
  /** Enrolls a key of a principal in the memory of this process. `clerk enroll` writes an identity file. */
  enroll(name: string): Promise<Identity>;
  stop(): Promise<void>;
}

/** @param prepare - called with the folder before the registry starts; writes the folder `manifests` there */
export async function securedRegistry(prepare?: (folder: string) => Promise<void>): Promise<SecuredRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'clerk-example-'));
  await prepare?.(folder);
  const data = join(folder, 'data');
  const { registryKey, operator } = await initializeRegistry(data); // clerk init --data DIR
  const manifests = prepare && { manifests: join(folder, 'manifests') };
  const server = await startServer({ port: 0, data, ...manifests }); // clerk serve --data DIR
  const { url } = server;
  const admin = await administer({ registry: url, identity: operator });
  return {
    url,
    registryKey,
    admin,
    async enroll(name) {
      const { token } = await admin.identities.createToken(name); // clerk token NAME
      return openIdentity({ name, token, registry: url, registryKey });
    },
    async stop() {
      await admin.close();
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}

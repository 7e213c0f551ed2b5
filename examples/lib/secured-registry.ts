/** A secured registry in this process, and the commands of its operator, each a process as in a terminal. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openIdentity, type Identity } from 'binding-clerk/identity';
import { initializeRegistry, startServer } from 'binding-clerk/server';

const cli = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export interface SecuredRegistry {
  readonly url: string;
  readonly registryKey: string;
  /** Runs a line such as `acl ls` as the operator. Resolves with its standard output. */
  clerk(line: string): Promise<string>;
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
  const env = { ...process.env, CLERK_REGISTRY: url, CLERK_IDENTITY: operator };
  const clerk = async (line: string): Promise<string> => {
    const argv = ['--import', 'tsx', cli, ...line.split(' ')];
    return (await promisify(execFile)(process.execPath, argv, { env })).stdout.trim();
  };
  return {
    url,
    registryKey,
    clerk,
    async enroll(name) {
      const token = await clerk(`token ${name}`);
      return openIdentity({ name, token, registry: url, registryKey });
    },
    async stop() {
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}

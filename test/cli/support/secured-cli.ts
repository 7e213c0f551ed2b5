import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { initializeRegistry, startServer } from '../../../src/server/index.js';
import { runCli, type CliEnvironment, type CliResult } from './run-cli.js';

export interface SecuredCli {
  readonly url: string;
  readonly registryKey: string;
  /** Identity file of the operator. */
  readonly operator: string;
  /** Path in a scratch folder. */
  pathOf(file: string): string;
  /** Runs a command line with `$CLERK_REGISTRY`, and as the operator unless `identity` is given; '' for none. */
  run(line: string, identity?: string, environment?: CliEnvironment): Promise<CliResult>;
  /** Moves the wall clock of the registry forward. */
  advanceWallClock(ms: number): void;
  /** Enrolls a key with the commands. Resolves with the path of the identity file. */
  enroll(name: string): Promise<string>;
}

/** A secured registry in this process, for command lines. */
export async function securedCli(): Promise<SecuredCli> {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const data = join(folder, 'data');
  const { registryKey, operator } = await initializeRegistry(data);
  let aheadMs = 0;
  const runtime = { wallNow: () => Date.now() + aheadMs };
  const server = await startServer({ port: 0, data, runtime });
  onTestFinished(() => server.close());
  const { url } = server;
  const pathOf = (file: string): string => join(folder, file);
  const run: SecuredCli['run'] = (line, identity = operator, { env, ...more } = {}) =>
    runCli(line.split(' '), { registry: url, ...more, env: { CLERK_IDENTITY: identity, ...env } });
  return {
    ...{ url, registryKey, operator, pathOf, run },
    advanceWallClock: (ms) => void (aheadMs += ms),
    async enroll(name) {
      const file = pathOf(`${name.slice(1).replaceAll('/', '-')}.identity`);
      const token = (await run(`token ${name}`)).out.trim();
      const line = `enroll ${file} --name ${name} --token ${token} --registry-key ${registryKey}`;
      const { code, err } = await run(line, '');
      if (code !== 0) throw new Error(err);
      return file;
    },
  };
}

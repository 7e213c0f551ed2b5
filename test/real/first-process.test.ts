/** A service that is PID 1, as in a container: the kernel ignores signals without a listener for this process. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { startServer, type Server } from 'binding-clerk/server';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { spawnProgram, type SpawnedProgram } from './spawn-program.js';

const namespace = ['unshare', '--fork', '--pid', '--mount-proc', '--kill-child'];
const isAllowed = spawnSync(namespace[0]!, [...namespace.slice(1), 'true']).status === 0;
const notAllowed = 'this user may not create a PID namespace';

async function registry(): Promise<Server> {
  const server = await startServer({ port: 0 });
  onTestFinished(() => server.close());
  return server;
}

async function states(url: string): Promise<string[]> {
  const response = await fetch(`${url}/v1/resolve?name=/shop/orders`);
  const { endpoints = [] } = (await response.json()) as { endpoints?: { state: string }[] };
  return endpoints.map(({ state }) => state);
}

/** Sends a signal to the first process of the namespace, from outside. */
function signal({ child }: SpawnedProgram, name: NodeJS.Signals): void {
  const pid = String(child.pid);
  process.kill(Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')), name);
}

describe('a service that is PID 1', { timeout: 30_000 }, () => {
  test.for(['SIGTERM', 'SIGINT'] as const)('drains and ends at %s', async (name, { skip }) => {
    skip(!isAllowed, notAllowed);
    const { url } = await registry();
    const service = spawnProgram('advertised-service.ts', ['server', url], onTestFinished, namespace);
    await service.waitForLine('at');
    signal(service, name);
    await vi.waitFor(async () => expect(await states(url)).toEqual(['draining']));
    const { stdout, code } = await service.result;
    expect([stdout.includes('drained'), code]).toEqual([true, name === 'SIGTERM' ? 143 : 130]);
    await vi.waitFor(async () => expect(await states(url)).toEqual([]), { timeout: 2_000 });
  });

  test('ends at once at a second signal', async ({ skip }) => {
    skip(!isAllowed, notAllowed);
    const { url } = await registry();
    const service = spawnProgram('advertised-service.ts', ['server', url], onTestFinished, namespace);
    await service.waitForLine('at');
    signal(service, 'SIGTERM');
    await vi.waitFor(async () => expect(await states(url)).toEqual(['draining']));
    signal(service, 'SIGTERM');
    const { stdout, code } = await service.result;
    expect([stdout.includes('drained'), code]).toEqual([false, 143]);
  });
});

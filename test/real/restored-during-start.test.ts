/**
 * The data of a registry are replaced by an older copy while it starts a service. The copy does not contain the start.
 *
 * @see [C1.8](../../docs/guarantees.md#c1-8), [C6.2](../../docs/guarantees.md#c6-2)
 */
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClerk } from 'binding-clerk';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../support/free-port.js';
import { name, RegistryHost } from './registry-host.js';
import { isRunning } from './replaced-service.js';

test.each([
  ['written over the folder', true],
  ['in place of the folder', false],
])(
  'an older copy is %s during a start: the caller gets an answer, and the lost process ends',
  { timeout: 240_000 },
  async (_how, keepsFolder) => {
    const host = new RegistryHost();
    const port = await freePort();
    const first = await host.serve('data', [], undefined, port);
    await first.post('define', { name, launch: { manifest: 'orders' } });
    host.copy('data', 'backup');
    rmSync(host.gate);
    const clerk = createClerk({ registry: first.url });
    onTestFinished(() => clerk.destroy());
    const call = clerk.bind(name).json('/', { timeoutMs: 120_000 });
    await expect.poll(() => host.starts, { timeout: 60_000 }).toHaveLength(1);
    await first.end();

    const [data, backup] = ['data', 'backup'].map((folder) => join(host.folder, folder)) as [string, string];
    if (keepsFolder) {
      for (const file of readdirSync(data))
        if (file !== 'lock') rmSync(join(data, file), { recursive: true });
      for (const file of readdirSync(backup))
        if (file !== 'lock') cpSync(join(backup, file), join(data, file), { recursive: true });
    } else {
      rmSync(data, { recursive: true });
      cpSync(backup, data, { recursive: true });
    }
    const second = await host.serve('data', [], undefined, port);
    writeFileSync(host.gate, '');

    const answer = await call;
    expect(host.starts).toHaveLength(2);
    expect(answer).toEqual({ pid: host.starts[1]!.pid });
    // The registry does not know its ticket, so the process ends itself.
    await expect.poll(() => isRunning(host.starts[0]!.pid), { timeout: 60_000 }).toBe(false);
    const reply = await fetch(`${second.url}/v1/resolve?name=${name}`);
    expect(((await reply.json()) as { endpoints: object[] }).endpoints).toHaveLength(1);
    expect(await clerk.bind(name).json('/')).toEqual(answer);
  },
);

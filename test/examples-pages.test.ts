/** The programs of pages that need a process of their own. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClerk } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { expect, onTestFinished, test } from 'vitest';
import { packPackage } from './surroundings/packed-package.js';

const pathOf = (file: string): string => fileURLToPath(new URL(`../examples/pages/${file}`, import.meta.url));

test(
  'the workers of cluster.js are one instance, and end with their primary',
  { timeout: 120_000 },
  async () => {
    const registry = await startServer({ port: 0 });
    onTestFinished(() => registry.close());
    const data = mkdtempSync(join(tmpdir(), 'clerk-example-'));
    onTestFinished(() => rmSync(data, { recursive: true, force: true }));
    const env = { ...process.env, CLERK_REGISTRY: registry.url, PORT: '0', DATA: data };
    const child = spawn(process.execPath, ['--import', 'tsx', pathOf('cluster.js')], {
      env,
      stdio: 'ignore',
    });
    onTestFinished(() => void child.kill('SIGKILL'));

    const clerk = createClerk({ registry: registry.url });
    onTestFinished(() => clerk.close());
    const orders = clerk.bind('/shop/orders');
    await orders.ready({ timeoutMs: 100_000 });
    expect(await orders.text('/', { method: 'POST' })).toBe('ordered');
    expect((await clerk.resolve('/shop/orders')).endpoints.map(({ id }) => id)).toEqual(['orders-1']);
    child.kill('SIGTERM');
    await once(child, 'exit');
  },
);

test(
  'commonjs.cjs loads the installed package with require, and prints no warning',
  { timeout: 120_000 },
  async () => {
    const packed = await packPackage();
    onTestFinished(() => packed.remove());
    const program = packed.add(pathOf('commonjs.cjs'));
    const [, expected] = /^\/\/=> (.*)$/m.exec(readFileSync(program, 'utf8')) ?? [];
    const { stdout, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({ stdout: `${expected}\n`, stderr: '' });
  },
);

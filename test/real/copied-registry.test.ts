/**
 * Two registries on a data folder and its copy: the processes that the first one has started belong to the first one.
 *
 * @see [C6.2](../../docs/guarantees.md#c6-2), [decision 078](../../docs/decisions/078-copied-data-folder.md)
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { name, RegistryHost } from './registry-host.js';
import { isRunning } from './replaced-service.js';

test(
  'the registry of a copied folder neither stops nor replaces the processes of the original',
  { timeout: 120_000 },
  async () => {
    const host = new RegistryHost();
    const first = await host.serve('data');
    await first.post('define', { name, launch: { manifest: 'orders' } });
    expect(await first.post('launch', { name })).toMatchObject({ started: true });
    const { pid } = host.starts[0]!;
    host.copy('data', 'copy');

    const second = await host.serve('copy');
    expect((await second.incarnation()) > (await first.incarnation())).toBe(true);
    expect(await second.post('stop', { name })).toEqual({ stopped: 0 });
    expect(isRunning(pid)).toBe(true);
    const log = await second.end();
    expect(log).toMatch(/is a copy of another data folder: .* \(inode number [0-9]+, in the original [0-9]+/);
    expect(log).toMatch(
      /does not manage the processes that the original has launched \(number of processes: 1\).*--adopt/,
    );

    // The copy is now a folder of its own.
    const again = await host.serve('copy');
    expect(await again.post('stop', { name })).toEqual({ stopped: 0 });
    expect(await again.end()).toBe('');

    expect(isRunning(pid)).toBe(true);
    expect(await first.post('stop', { name })).toEqual({ stopped: 1 });
    expect(isRunning(pid)).toBe(false);
  },
);

test(
  'a registry that adopts a restored folder supervises its processes, also at a later start',
  { timeout: 120_000 },
  async () => {
    const host = new RegistryHost();
    const first = await host.serve('data');
    await first.post('define', { name, launch: { manifest: 'orders' } });
    await first.post('launch', { name });
    const { pid } = host.starts[0]!;
    const incarnation = await first.incarnation();
    await first.end();
    host.copy('data', 'restored');
    host.copy('data', 'forgotten');

    const forgotten = await host.serve('forgotten');
    expect(await forgotten.post('stop', { name })).toEqual({ stopped: 0 });
    await forgotten.end();
    expect(isRunning(pid)).toBe(true);

    const restored = await host.serve('restored', ['adopt']);
    expect(await restored.incarnation()).toBe(incarnation);
    await restored.end();
    const later = await host.serve('forgotten', ['adopt']);
    expect(await later.post('stop', { name })).toEqual({ stopped: 1 });
    expect(isRunning(pid)).toBe(false);
  },
);

test('a moved folder, and a start after a kill, are not copies', { timeout: 60_000 }, async () => {
  const host = new RegistryHost();
  const first = await host.serve('data');
  const incarnation = await first.incarnation();
  expect(await first.end()).toBe('');
  const second = await host.serve('data');
  expect(await second.incarnation()).toBe(incarnation);
  expect(await second.end()).toBe('');
  execFileSync('mv', [join(host.folder, 'data'), join(host.folder, 'moved')]);
  const moved = await host.serve('moved');
  expect(await moved.incarnation()).toBe(incarnation);
  expect(await moved.end()).toBe('');
});

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { fileIdentity } from '../../src/runtime/folder-identity.js';

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-identity-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('the identity of a file survives writes, changes of mode and times, and a move', async () => {
  const folder = scratch();
  const file = join(folder, 'a');
  writeFileSync(file, '');
  await sleep(20);
  const identity = await fileIdentity(file);
  expect(identity).toMatch(/^[0-9]+(@[0-9]+)?$/);
  writeFileSync(file, 'x');
  chmodSync(file, 0o600);
  utimesSync(file, 1_000, 1_000);
  expect(await fileIdentity(file)).toBe(identity);
  renameSync(file, join(folder, 'b'));
  expect(await fileIdentity(join(folder, 'b'))).toBe(identity);
  expect(statSync(join(folder, 'b')).mtimeMs).toBe(1_000_000);
});

test('a copy has another identity', async () => {
  const folder = scratch();
  const file = join(folder, 'a');
  writeFileSync(file, '');
  await sleep(20);
  const identity = await fileIdentity(file);
  execFileSync('cp', ['-a', file, join(folder, 'copy')]);
  expect(await fileIdentity(join(folder, 'copy'))).not.toBe(identity);
});

test('a missing file has no identity', async () => {
  expect(await fileIdentity(join(scratch(), 'missing'))).toBeUndefined();
});

/** Test runners other than Vitest, as real ones: tests of a program in a folder in which the package is installed. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packPackage, type PackedPackage } from './packed-package.js';
import { runNode } from './run-node.js';

let packed: PackedPackage;

beforeAll(async () => {
  packed = await packPackage();
}, 120_000);

afterAll(() => packed.remove());

test('node --test with fake timers', { timeout: 150_000 }, async () => {
  // Fails unless the exit code is 0.
  const report = await runNode(
    ['--test', '--test-reporter=tap', 'programs/fake-timers.test.mjs'],
    packed.folder,
  );
  expect(report).toMatch(/^# pass 3$/m);
});

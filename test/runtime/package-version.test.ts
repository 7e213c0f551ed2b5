import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { packageVersion } from '../../src/runtime/package-version.js';

test('the version is that of package.json', () => {
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  expect(packageVersion()).toBe((JSON.parse(file) as { version: string }).version);
});

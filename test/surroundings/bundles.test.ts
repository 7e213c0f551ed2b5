/** Bundles of programs, with and without the server, in a folder without packages. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleWithEsbuild, bundleWithRollup, bundleWithWebpack, formats } from './bundle.js';
import { packPackage } from './packed-package.js';
import { runNode } from './run-node.js';
import { twelveSteps } from './twelve-steps.js';

const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-bundles-'));
const bundlers = { esbuild: bundleWithEsbuild, rollup: bundleWithRollup, webpack: bundleWithWebpack };

beforeAll(async () => {
  const packed = await packPackage();
  const programs = {
    client: packed.program('static-client.mjs'),
    server: packed.program('twelve-steps.mjs'),
  };
  try {
    for (const [name, bundle] of Object.entries(bundlers)) await bundle(programs, join(folder, name));
  } finally {
    // A bundle must not read the files from which it was made.
    packed.remove();
  }
}, 300_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(Object.keys(bundlers))('a bundle by %s', (bundler) => {
  test.for(formats)(
    'runs in an empty folder as %s, with and without the server',
    { timeout: 150_000 },
    async (format) => {
      const extension = format === 'esm' ? 'mjs' : 'cjs';
      const cwd = join(folder, bundler, format);
      expect(await runNode([`client.${extension}`], cwd)).toBe('/orders/7\n/orders/8\n');
      expect(await runNode([`server.${extension}`], cwd)).toBe(twelveSteps);
    },
  );
});

import { expect, test } from 'vitest';
import { runSharedWorld } from './shared/run-shared-world.js';

const seeds = Array.from({ length: 12 }, (_, i) => i + 1);

test.each(seeds)(
  'seed %i: three servers over one engine keep every guarantee',
  async (seed) => {
    const { violations, counts } = await runSharedWorld({ seed, durationMs: 60_000 });
    expect(violations).toEqual([]);
    expect(counts['guarantee']).toBeGreaterThan(50);
    expect(counts['renewal renewed']).toBeGreaterThan(30);
  },
  60_000,
);

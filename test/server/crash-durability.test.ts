/** A hundred servers killed with SIGKILL while they were written to. The campaign beside this file does a thousand. */
import { expect, test } from 'vitest';
import { runCrashCycles } from './crash-cycles.js';
import { temporaryPath } from './temporary-path.js';

test(
  '100 kills: nothing acknowledged is lost, nothing withdrawn comes back, nothing is half',
  { timeout: 300_000 },
  async () => {
    const report = await runCrashCycles({ folder: temporaryPath('data'), cycles: 100, seed: 11 });
    expect(report).toMatchObject({ cycles: 100, lost: [], resurrected: [], half: [], other: [] });
    // It was worth looking: there was something to lose, and kills came in the middle of it.
    expect(Math.min(report.registered, report.withdrawn, report.pairs)).toBeGreaterThan(300);
    expect(report.interrupted).toBeGreaterThan(100);
  },
);

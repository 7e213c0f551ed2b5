/** Kills 100 servers with SIGKILL during writes. `crash-campaign.ts` kills 1,000. */
import { expect, test } from 'vitest';
import { runCrashCycles } from './crash-cycles.js';
import { temporaryPath } from './temporary-path.js';

test(
  'after 100 kills no acknowledged change is lost, withdrawn endpoint back or import partly applied',
  { timeout: 300_000 },
  async () => {
    const report = await runCrashCycles({ folder: temporaryPath('data'), cycles: 100, seed: 11 });
    expect(report).toMatchObject({ cycles: 100, lost: [], resurrected: [], partial: [], other: [] });
    // The run is only meaningful with many changes, and kills during requests.
    expect(Math.min(report.registered, report.withdrawn, report.pairs)).toBeGreaterThan(300);
    expect(report.interrupted).toBeGreaterThan(100);
  },
);

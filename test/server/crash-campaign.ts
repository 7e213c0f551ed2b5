/**
 * A thousand servers killed with SIGKILL, or as many as the first argument says; the second is the seed.
 *
 *   npx tsx test/server/crash-campaign.ts 1000 7
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCrashCycles } from './crash-cycles.js';

const [cycles = 1_000, seed = 1] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-kill-'));
const startedAt = performance.now();
try {
  const report = await runCrashCycles({
    folder,
    cycles,
    seed,
    onCycle: ({ cycles: done, registered, withdrawn, pairs }) => {
      if (done % 50 === 0)
        console.error(`${done} kills: ${registered} registered, ${withdrawn} withdrawn, ${pairs} pairs`);
    },
  });
  const wrong = report.lost.length + report.resurrected.length + report.partial.length + report.other.length;
  console.log(
    JSON.stringify({ ...report, seed, seconds: Math.round((performance.now() - startedAt) / 1_000) }),
  );
  process.exitCode = wrong === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

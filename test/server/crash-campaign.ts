/**
 * Kills 1,000 servers with SIGKILL during writes. The arguments are the number of kills and the seed.
 *
 *   npx tsx test/server/crash-campaign.ts 1000 7
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compilePrograms } from '../support/compiled-programs.js';
import { runCrashCycles } from './crash-cycles.js';

const [cycles = 1_000, seed = 1] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-kill-'));
const removePrograms = compilePrograms();
const startedAt = performance.now();
try {
  const report = await runCrashCycles({
    folder,
    cycles,
    seed,
    onCycle: ({ cycles: kills, registered, withdrawn, pairs }) => {
      if (kills % 50 === 0)
        console.error(`${kills} kills: ${registered} registered, ${withdrawn} withdrawn, ${pairs} pairs`);
    },
  });
  const violations =
    report.lost.length + report.resurrected.length + report.partial.length + report.other.length;
  console.log(
    JSON.stringify({ ...report, seed, seconds: Math.round((performance.now() - startedAt) / 1_000) }),
  );
  process.exitCode = violations === 0 ? 0 : 1;
} finally {
  removePrograms();
  rmSync(folder, { recursive: true, force: true });
}

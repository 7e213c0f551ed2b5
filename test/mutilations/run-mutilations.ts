import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from 'binding-clerk/testing';
import { mutilateCalls } from './call-mutilations.js';
import { mutilations, type Mutilation } from './mutilate.js';
import { mutilateRegistry, type MutilationResult } from './registry-mutilations.js';

export interface MutilationReport {
  readonly counts: Map<string, number>;
  readonly wrong: string[];
}

/**
 * Mutilates folders of a registry, or of `diskCalls`, and counts what the next starts do.
 *
 * @param onResult - called after each mutilation
 */
export async function runMutilations(
  store: 'registry' | 'calls',
  firstSeed: number,
  count: number,
  onResult: (seed: number, result: MutilationResult | undefined) => void = () => undefined,
): Promise<MutilationReport> {
  const report: MutilationReport = { counts: new Map(), wrong: [] };
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-mutilation-'));
    const kind = mutilations[seed % mutilations.length] as Mutilation;
    let result: MutilationResult | undefined;
    try {
      const run = store === 'registry' ? mutilateRegistry : mutilateCalls;
      result = await run(folder, kind, seededRandom(seed));
      const key = `${result.outcome}${result.saved === undefined ? '' : `, saved ${result.saved}`}`;
      report.counts.set(key, (report.counts.get(key) ?? 0) + 1);
    } catch (error) {
      report.wrong.push(`seed ${seed} (${kind}): ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    onResult(seed, result);
  }
  return report;
}

/** A folder that goes with the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A new folder, for its owner alone. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-real-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

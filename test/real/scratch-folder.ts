import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Creates a private folder that is deleted with the test. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-real-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

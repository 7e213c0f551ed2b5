/** A folder that goes with the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A path in a new folder; nothing is there yet. */
export function temporaryPath(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, name);
}

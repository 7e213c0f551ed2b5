import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A path in a new temporary folder, which is removed after the test. Nothing exists at the path yet. */
export function temporaryPath(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, name);
}

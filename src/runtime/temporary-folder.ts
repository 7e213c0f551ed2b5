/** A folder that nobody else can read and that goes with who made it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Makes one, and what removes it. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'clerk-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

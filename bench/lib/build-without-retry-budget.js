/**
 * The measured library without its retry budget, which no option disables: a copy of the build with other defaults. The
 * copy is removed when this process exits.
 */
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './temporary-folder.js';
import { packageFolder, subjectUrl } from './subject.js';

/**
 * @param {string | undefined} subject - module to measure instead of the build
 * @returns {string} the module to measure
 */
export function buildWithoutRetryBudget(subject) {
  const entry = fileURLToPath(subjectUrl(subject));
  const { path } = temporaryFolder();
  const copy = join(path, 'dist');
  cpSync(dirname(entry), copy, { recursive: true });
  writeFileSync(join(path, 'package.json'), readFileSync(join(packageFolder, 'package.json')));
  symlinkSync(join(packageFolder, 'node_modules'), join(path, 'node_modules'), 'dir');
  const config = join(copy, 'client/config.js');
  const text = readFileSync(config, 'utf8');
  const changed = text
    .replace(/\bretryRatio: [\d.]+/, 'retryRatio: 1_000')
    .replace(/\bretryReserve: [\d_]+/, 'retryReserve: 1_000_000_000');
  if (changed.split('1_000').length < text.split('1_000').length + 2)
    throw new Error('client/config.js must contain the defaults retryRatio and retryReserve');
  writeFileSync(config, changed);
  return join(copy, entry.slice(dirname(entry).length + 1));
}

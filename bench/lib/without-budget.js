/** The measured library without its retry budget, which no option takes away: a copy of the build, for as long as this process lives. */
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newFolder } from './folders.js';
import { packageFolder, subjectUrl } from './subject.js';

/**
 * @param {string | undefined} other - a module measured in place of the build
 * @returns {string} the module to measure
 */
export function withoutBudget(other) {
  const entry = fileURLToPath(subjectUrl(other));
  const { path } = newFolder();
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
    throw new Error('The retry budget is not among the defaults in client/config.js');
  writeFileSync(config, changed);
  return join(copy, entry.slice(dirname(entry).length + 1));
}

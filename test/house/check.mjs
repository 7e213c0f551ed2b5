/**
 * Checks names, comments, messages and pages by the rules of ARCHITECTURE.md that a program can check. Prints each
 * finding as `file:line rule: what was found → what to write`, and exits with 1 if there is one.
 *
 *   node test/house/check.mjs                 the repository
 *   node test/house/check.mjs src/core docs   only findings in these
 *   node test/house/check.mjs --root DIR      another folder
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readFiles } from './files.mjs';
import { findingsIn } from './rules.mjs';

const { values, positionals } = parseArgs({
  options: { root: { type: 'string', default: fileURLToPath(new URL('../..', import.meta.url)) } },
  allowPositionals: true,
});
const findings = findingsIn(readFiles(values.root), (path) => existsSync(join(values.root, path))).filter(
  ({ file }) => positionals.length === 0 || positionals.some((path) => file.startsWith(path)),
);
for (const { file, line, rule, found, instead } of findings)
  console.log(`${file}:${line} ${rule}: ${found} → ${instead}`);
if (findings.length > 0) {
  console.log(`\n${findings.length} findings in ${new Set(findings.map(({ file }) => file)).size} files`);
  process.exitCode = 1;
}

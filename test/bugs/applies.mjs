/** Whether every patch beside this file still fits the code: a bug that cannot be put in is a test that tests nothing. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
for (const file of readdirSync(here).filter((name) => name.endsWith('.patch'))) {
  const { status, stderr, error } = spawnSync('git', ['apply', '--check', join(here, file)], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status === 0) continue;
  console.log(`${file} does not apply: ${error?.message ?? stderr.trim().split('\n')[0]}`);
  process.exitCode = 1;
}

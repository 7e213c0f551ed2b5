/**
 * Runs the twelve steps with other releases of Node, which npm installs in a temporary folder, and compares the output.
 *
 *   npm run nodes             Node 20, 22, 24 and 26
 *   npm run nodes -- 24       only this one
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packPackage } from './packed-package.js';
import { twelveSteps } from './twelve-steps.js';

const releases = process.argv.length > 2 ? process.argv.slice(2) : ['20', '22', '24', '26'];
const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-nodes-'));
const packed = await packPackage();
try {
  for (const release of releases) {
    const cwd = join(folder, release);
    execFileSync('npm', ['install', '--silent', '--prefix', cwd, `node@${release}`], { stdio: 'inherit' });
    const node = join(cwd, 'node_modules/node/bin/node');
    const program = packed.program('twelve-steps.mjs');
    const { stdout, stderr } = spawnSync(node, [program], { cwd: dirname(program), encoding: 'utf8' });
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
    const isSame = stdout === twelveSteps && stderr === '';
    if (!isSame) process.exitCode = 1;
    process.stdout.write(`${version}: ${isSame ? 'same output' : `other output\n${stdout}${stderr}`}\n`);
  }
} finally {
  packed.remove();
  rmSync(folder, { recursive: true, force: true });
}

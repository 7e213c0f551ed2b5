/**
 * Runs the twelve steps and a CommonJS program with other releases of Node, which npm installs in a temporary folder, and
 * compares the output. Releases are the first ones of `engines` and the last of each supported major version.
 *
 *   npm run nodes             all of them
 *   npm run nodes -- 24       only this one
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packPackage } from './packed-package.js';
import { twelveSteps } from './twelve-steps.js';

const supported = ['20.19.0', '20', '22.12.0', '22', '24', '26'];
const releases = process.argv.length > 2 ? process.argv.slice(2) : supported;
/** Node 22.12 is the only supported release that prints this warning. */
const requireWarning =
  /^\(node:[0-9]+\) ExperimentalWarning: CommonJS module [^\n]* using require\(\)\.\n[^\n]*\n[^\n]*\n$/;
const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-nodes-'));
const packed = await packPackage();
const commonJs = packed.add(fileURLToPath(new URL('../../examples/pages/commonjs.cjs', import.meta.url)));
const [, commonJsOutput = ''] = /^\/\/=> (.*)$/m.exec(readFileSync(commonJs, 'utf8')) ?? [];
const programs = [
  { program: packed.program('twelve-steps.mjs'), expected: twelveSteps },
  { program: commonJs, expected: `${commonJsOutput}\n` },
];
try {
  for (const release of releases) {
    const cwd = join(folder, release);
    execFileSync('npm', ['install', '--silent', '--prefix', cwd, `node@${release}`], { stdio: 'inherit' });
    const node = join(cwd, 'node_modules/node/bin/node');
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
    for (const { program, expected } of programs) {
      const { stdout, stderr } = spawnSync(node, [program], { cwd: dirname(program), encoding: 'utf8' });
      const isSilent = stderr === '' || (version.startsWith('v22.12.') && requireWarning.test(stderr));
      const isSame = stdout === expected && isSilent;
      if (!isSame) process.exitCode = 1;
      process.stdout.write(
        `${version} ${basename(program)}: ${isSame ? 'same output' : `other output\n${stdout}${stderr}`}\n`,
      );
    }
  }
} finally {
  packed.remove();
  rmSync(folder, { recursive: true, force: true });
}

import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeArguments } from '../support/compiled-programs.js';
import type { Attack } from './attack.js';

const program = nodeArguments(fileURLToPath(new URL('descriptor-listing.ts', import.meta.url)));
const numbers = [98, 99];

/** The server of the registry was started by a program that had opened a secret, and left it open. */
export const inheritedDescriptors: Attack<unknown> = {
  name: 'an open file that the registry has inherited',
  by: 'launched program',
  check: 'runtime/inherited-descriptors.ts: descriptors that pass on',
  refusedAs: '/dev/null',
  because: '',
  async run() {
    const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-inherited-'));
    const [output, file] = [join(folder, 'output'), join(folder, 'secret')];
    writeFileSync(file, 'secret');
    const secret = openSync(file, 'r');
    try {
      const stdio: (number | 'ignore' | 'inherit')[] = Array.from({ length: 100 }, () => 'ignore');
      stdio[2] = 'inherit';
      for (const number of numbers) stdio[number] = secret;
      execFileSync(process.execPath, [...program, output], { stdio });
      const listing = readFileSync(output, 'utf8');
      const targetOf = (number: number): string =>
        new RegExp(` ${String(number)} -> (.*)$`, 'm').exec(listing)?.[1] ?? 'not listed';
      const stolen = listing.includes(file) ? [file] : [];
      return [...numbers.map(targetOf), ...stolen].map((as) => ({ as, because: '' }));
    } finally {
      closeSync(secret);
      rmSync(folder, { recursive: true });
    }
  },
};

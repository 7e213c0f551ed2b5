/** The code and the command lines of docs/security.md. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runCli } from './support/run-cli.js';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/security.md', root), 'utf8');
const linesOf = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'gm'))].flatMap(([, code = '']) =>
    code.trimEnd().split('\n'),
  );

test('each line of code is a line of an example', () => {
  const folder = new URL('examples/', root);
  const examples = readdirSync(folder)
    .filter((file) => /^2[1-4]-/.test(file))
    .map((file) => readFileSync(new URL(file, folder), 'utf8'));
  const lines = linesOf('ts');
  expect(lines.length).toBeGreaterThan(5);
  const known = new Set(examples.flatMap((text) => text.split('\n').map((line) => line.trim())));
  expect(lines.filter((line) => !known.has(line.trim()))).toEqual([]);
});

test('each command line names a command, its arguments and its options', async () => {
  const commands = linesOf('sh')
    .map((line) => line.replace(/ +#.*$/, ''))
    .filter((line) => line.startsWith('clerk '));
  expect(commands.length).toBeGreaterThan(15);
  for (const line of commands) {
    const argv = line.split(' ').slice(1);
    const depth = ['identity', 'group', 'acl'].includes(String(argv[0])) ? 2 : 1;
    const { code, out } = await runCli([...argv.slice(0, depth), '--help']);
    expect(code, line).toBe(0);
    for (const argument of argv.slice(depth))
      if (argument.startsWith('--')) expect(out, line).toContain(argument);
    expect(out, line).toContain(`Usage: clerk ${argv.slice(0, depth).join(' ')} [options]`);
  }
});

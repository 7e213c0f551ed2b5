/** The command lines on the pages. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runCli } from './support/run-cli.js';

const root = new URL('../../', import.meta.url);
const pages = [
  'README.md',
  ...readdirSync(new URL('docs/', root))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];
/** Commands that consist of two names. */
const groups = new Set(['identity', 'group', 'acl']);

test.each(pages)('each command line of %s names a command, its arguments and its options', async (page) => {
  for (const line of commandsOf(readFileSync(new URL(page, root), 'utf8'))) {
    const argv = line.split(' ');
    const depth = groups.has(String(argv[0])) ? 2 : 1;
    const { code, out } = await runCli([...argv.slice(0, depth), '--help']);
    expect(code, line).toBe(0);
    expect(out, line).toContain(`Usage: clerk ${argv.slice(0, depth).join(' ')} [options]`);
    for (const argument of argv.slice(depth))
      if (argument.startsWith('--')) expect(out, line).toContain(argument.split('=')[0]);
  }
});

test('the pages have command lines', () => {
  const lines = pages.flatMap((page) => commandsOf(readFileSync(new URL(page, root), 'utf8')));
  expect(lines.length).toBeGreaterThan(50);
});

/** What follows `clerk` in the shell code of a page, up to a comment or the next command. */
function commandsOf(page: string): string[] {
  return [...page.matchAll(/^```sh\n([^]*?)^```$/gm)]
    .flatMap(([, code = '']) => code.split('\n'))
    .flatMap((line) =>
      [...line.replace(/ +#.*$/, '').matchAll(/(?:^|[|;] |[A-Z_]+=\S+ )(?:npx )?clerk ([^|;>]*)/g)].map(
        ([, command = '']) => command.trim(),
      ),
    );
}

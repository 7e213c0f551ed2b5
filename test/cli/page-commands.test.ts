/** The command lines on the pages, and the commands and options that the pages name. */
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

test('each option of each command is named on a page', async () => {
  const text = pages.map((page) => readFileSync(new URL(page, root), 'utf8')).join('\n');
  const { out } = await runCli([]);
  const commands = namesIn(out, /^ {2}([a-z-]+) /gm);
  expect(commands).toEqual(expect.arrayContaining(['serve', 'acl', 'whois']));
  const missing: string[] = [];
  for (const command of commands) {
    const help = await runCli([command, '--help']);
    const inner = groups.has(command) ? namesIn(help.out, /^ {2}([a-z-]+) /gm) : [];
    const all = [help, ...(await Promise.all(inner.map((name) => runCli([command, name, '--help']))))];
    const named = all.flatMap((each) => namesIn(each.out, /^ {2}(?:-\w, )?(--[a-z0-9-]+)/gm));
    const unnamed = named.filter((option) => !new RegExp(`${option}(?![\\w-])`).test(text));
    missing.push(...unnamed.map((option) => `${command} ${option}`));
  }
  expect(missing).toEqual([]);
});

function namesIn(help: string, pattern: RegExp): string[] {
  return [...help.matchAll(pattern)].flatMap(([, name]) => name ?? []);
}

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

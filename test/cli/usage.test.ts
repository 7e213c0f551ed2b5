import { expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { runCli } from './support/run-cli.js';

const commands =
  'serve ls resolve whois explain watch call define link mv rm export import advertise launch stop reset';

test('alone, it shows what it can do, and that is no failure', async () => {
  const { code, out, err } = await runCli([]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  for (const command of commands.split(' ')) expect(out).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  expect(out).toContain(
    'Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 registry unreachable, 5 refused',
  );
});

test.each(commands.split(' '))('%s --help shows an example that begins as one types it', async (command) => {
  const { code, out, err } = await runCli([command, '--help']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toContain('Examples:');
  expect(out).toMatch(new RegExp(`^ +clerk (.*\\| clerk )?${command}\\b`, 'm'));
  expect((await runCli(['help', command])).out).toBe(out);
});

test('--version says the version', async () => {
  expect(await runCli(['--version'])).toEqual({ code: 0, out: `${packageJson.version}\n`, err: '' });
});

test.each([
  ['lss', "clerk: unknown command 'lss'\n(Did you mean ls?)"],
  ['resolv /a', "clerk: unknown command 'resolv'\n(Did you mean resolve?)"],
  ['ls --foo', "clerk: unknown option '--foo'"],
  ['resolve', "clerk: missing required argument 'name'"],
  ['mv /a', "clerk: missing required argument 'new'"],
  ['ls /a /b', "clerk: too many arguments for 'ls'"],
  ['ls --timeout 0', "option '--timeout <ms>' argument '0' is invalid. It must be above 0."],
  ['ls --timeout 5s', "argument '5s' is invalid. Write a whole number such as 5000."],
  ['define /a --promise -1', "argument '-1' is invalid"],
  ['define /a --launch m --param x', "argument 'x' is invalid. Write it as key=value."],
  ['define /a --param x=1', 'clerk: A --param is of a manifest; say which with --launch'],
  ['call /a / -H x', 'argument \'x\' is invalid. Write it as "name: value".'],
  ['call /a b', "clerk: The path 'b' does not begin with '/'; write '/b'"],
  ['resolve shop/orders', "clerk: Name 'shop/orders' does not begin with '/'; write '/shop/orders'"],
  ['link /a shop/orders', "clerk: Target 'shop/orders' does not begin with '/'; write '/shop/orders'"],
  ['ls shop/**', "clerk: Glob 'shop/**' does not begin with '/'; write '/shop/**'"],
  ['watch *', "clerk: Glob '*' does not begin with '/'; write '/*'"],
  ['rm /Shop', "is invalid at segment 1: 'Shop' must be lower case; got the capital 'S'"],
  ['whois 127.0.0.1', "clerk: Address '127.0.0.1' must have the form http(s)://host:port"],
  [
    'ls --registry etcd://a',
    "--registry has 'etcd://a', which is no address of a registry; write one such as http://127.0.0.1:4711",
  ],
  ['ls --registry http://a/path', "Address 'http://a/path' must have the form"],
  ['import /nowhere/names.ndjson', 'clerk: The file /nowhere/names.ndjson cannot be read: ENOENT'],
])('clerk %s: what is wrong, on standard error, and 2', async (line, said) => {
  const { code, out, err } = await runCli(line.split(' '));
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(said);
});

test('$CLERK_REGISTRY is named when it is at fault', async () => {
  const { code, err } = await runCli(['ls'], { registry: 'localhost:4711' });
  expect(code).toBe(2);
  expect(err).toContain("$CLERK_REGISTRY has 'localhost:4711', which is no address of a registry");
});

test('a person who types clerk import is told what it waits for', async () => {
  const { code, err } = await runCli(['import'], { terminal: true });
  expect(code).toBe(2);
  expect(err).toContain('Nothing to import: name a file, or send lines to standard input');
});

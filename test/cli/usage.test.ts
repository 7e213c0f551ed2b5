import { expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { runCli } from './support/run-cli.js';

const commands =
  'serve status ls resolve search whois explain watch call define link mv rm mkdir cancel apply export import advertise launch stop reset logs migrate init registry-key token enroll identity group acl';

test('without arguments it prints its help and exits with 0', async () => {
  const { code, out, err } = await runCli([]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  for (const command of commands.split(' ')) expect(out).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  expect(out).toContain(
    'Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 registry unreachable, 5 refused',
  );
});

test.each(commands.split(' '))('%s --help shows an example command line', async (command) => {
  const { code, out, err } = await runCli([command, '--help']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toContain('Examples:');
  expect(out).toMatch(new RegExp(`^ +clerk (.*\\| clerk )?${command}\\b`, 'm'));
  expect((await runCli(['help', command])).out).toBe(out);
});

test.each([
  'identity ls',
  'identity rotate',
  'identity revoke',
  'group set',
  'group ls',
  'group remove',
  'acl allow',
  'acl remove',
  'acl ls',
  'acl explain',
])('%s --help shows an example command line', async (command) => {
  const { code, out, err } = await runCli([...command.split(' '), '--help']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(new RegExp(`^ +clerk ${command}\\b`, 'm'));
});

test('help of a command of commands is that of the inner command', async () => {
  const { code, out } = await runCli(['help', 'acl', 'allow']);
  expect({ code, out }).toEqual({ code: 0, out: (await runCli(['acl', 'allow', '--help'])).out });
  expect(out).toContain('Usage: clerk acl allow');
});

test('--version prints the version', async () => {
  expect(await runCli(['--version'])).toEqual({ code: 0, out: `${packageJson.version}\n`, err: '' });
});

test.each([
  ['lss', "clerk: unknown command 'lss'\n(Did you mean ls?)"],
  ['resolv /a', "clerk: unknown command 'resolv'\n(Did you mean resolve?)"],
  ['list', "clerk: unknown command 'list'\n(Did you mean ls?)"],
  ['move /a /b', "clerk: unknown command 'move'\n(Did you mean mv?)"],
  ['delete /a', "clerk: unknown command 'delete'\n(Did you mean rm?)"],
  ['ls --foo', "clerk: unknown option '--foo'"],
  ['resolve', "clerk: missing required argument 'name'"],
  ['mv /a', "clerk: missing required argument 'new'"],
  ['ls /a /b', "clerk: too many arguments for 'ls'"],
  ['ls --timeout 0', "option '--timeout <ms>' argument '0' is invalid. The value must be above 0."],
  ['ls --timeout 5s', "argument '5s' is invalid. The value must be an integer such as 5000."],
  ['define /a --guarantee -1', "argument '-1' is invalid"],
  ['define /a --launch m --param x', "argument 'x' is invalid. The value must have the form key=value."],
  ['define /a --param x=1', 'clerk: Option --param requires --launch with the name of a manifest'],
  ['call /a / -H x', 'argument \'x\' is invalid. The value must have the form "name: value".'],
  ['call /a b', "clerk: Path must begin with '/'; got 'b', use '/b'"],
  ['resolve shop/orders', "clerk: Name must begin with '/'; got 'shop/orders', use '/shop/orders'"],
  ['link /a shop/orders', "clerk: Target must begin with '/'; got 'shop/orders', use '/shop/orders'"],
  ['ls shop/**', "clerk: Glob must begin with '/'; got 'shop/**', use '/shop/**'"],
  ['watch *', "clerk: Glob must begin with '/'; got '*', use '/*'"],
  ['rm /Shop', "is invalid at segment 1: 'Shop' must be lower case; got the capital 'S'"],
  ['whois 127.0.0.1', "clerk: Address '127.0.0.1' must have the form http(s)://host:port"],
  [
    'ls --registry etcd://a',
    "--registry must be an http: or https: URL such as 'http://127.0.0.1:4711', or several such URLs separated by commas; got 'etcd://a'",
  ],
  ['ls --registry http://a/path', "Address 'http://a/path' must have the form"],
  ['import /nowhere/names.ndjson', 'clerk: File /nowhere/names.ndjson cannot be read: ENOENT'],
])('clerk %s exits with 2 and prints the reason to standard error', async (line, message) => {
  const { code, out, err } = await runCli(line.split(' '));
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(message);
});

test('an invalid $CLERK_REGISTRY is named in the error', async () => {
  const { code, err } = await runCli(['ls'], { registry: 'localhost:4711' });
  expect(code).toBe(2);
  expect(err).toContain(
    "$CLERK_REGISTRY must be an http: or https: URL such as 'http://127.0.0.1:4711', or several such URLs separated by commas; got 'localhost:4711'",
  );
});

test('clerk import without input on a terminal says what it needs', async () => {
  const { code, err } = await runCli(['import'], { terminal: true });
  expect(code).toBe(2);
  expect(err).toContain('Nothing to import; give a file name, or pipe lines to standard input');
});

/** `clerk token` and `clerk enroll`. */
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Credentials } from '../../src/core/credentials.js';
import { createEnrolToken } from '../../src/protocol/enrol-token.js';
import { systemHashing } from '../../src/runtime/hashing.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { securedCli, type SecuredCli } from './support/secured-cli.js';

async function tokenFor(cli: SecuredCli, name: string, options = ''): Promise<string> {
  const { code, out, err } = await cli.run(`token ${name}${options}`);
  expect(code, err).toBe(0);
  return out.trim();
}

const enrollLine = (cli: SecuredCli, file: string, name: string, token: string): string =>
  `enroll ${file} --name ${name} --token ${token} --registry-key ${cli.registryKey}`;

test('token prints the token alone on standard output, and its use on standard error', async () => {
  const cli = await securedCli();
  const { out, err } = await cli.run('token /shop/orders --ttl 90s');
  expect(out).toMatch(/^clerk_token_[A-Za-z0-9_-]{43}\n$/);
  expect(err).toBe(
    'The token enrolls one key of /shop/orders, once, within 1.5 min: clerk enroll FILE --name /shop/orders --token -\n',
  );
  const json = JSON.parse((await cli.run('token /shop/orders --json')).out) as object;
  expect(json).toEqual({
    token: expect.stringMatching(/^clerk_token_/),
    expiresAt: expect.stringMatching(/^\d{4}-.*Z$/),
  });
});

test.each([
  ['0s', 'from 1s to 24h'],
  ['2d', 'from 1s to 24h'],
  ['10', 'a time with a unit (ms, s, m, h or d), such as 90s or 10m'],
  ['10x', 'a time with a unit'],
])('token rejects the time %s', async (ttl, message) => {
  const cli = await securedCli();
  const { code, err } = await cli.run(`token /shop/orders --ttl ${ttl}`);
  expect(code).toBe(2);
  expect(err).toContain(message);
});

test('enroll writes a private file with the address and the key of the registry', async () => {
  const cli = await securedCli();
  const file = cli.pathOf('orders.identity');
  const token = await tokenFor(cli, '/shop/orders');
  const { code, out, err } = await cli.run(`${enrollLine(cli, file, '/shop/orders', token)} --json`, '');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(JSON.parse(out)).toEqual({
    name: '/shop/orders',
    file,
    key: expect.stringMatching(/^sha256\//),
    registry: [cli.url],
    registryKey: [cli.registryKey],
  });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  // Neither an address nor a key of the registry is needed any more.
  const own = await cli.run('ls', file, { registry: '' });
  expect(own).toMatchObject({ code: 0, err: 'No name matches /**\n' });
});

test('enroll creates a P-256 key with --algorithm ES256', async () => {
  const cli = await securedCli();
  const file = cli.pathOf('orders.identity');
  const line = enrollLine(cli, file, '/shop/orders', await tokenFor(cli, '/shop/orders'));
  const refused = await cli.run(`${line} --algorithm RS256`, '');
  expect(refused.code).toBe(2);
  expect(refused.err).toContain('Allowed choices are Ed25519, ES256');
  expect((await cli.run(`${line} --algorithm ES256`, '')).code).toBe(0);
  const credentials = JSON.parse(readFileSync(file, 'utf8')) as Credentials;
  expect(systemKeys.check(credentials).algorithm).toBe('ES256');
  expect(await cli.run('ls', file)).toMatchObject({ code: 0 });
});

test('enroll reads the token from standard input or $CLERK_TOKEN', async () => {
  const cli = await securedCli();
  const [first, second] = [await tokenFor(cli, '/a'), await tokenFor(cli, '/b')];
  const env = { CLERK_REGISTRY_KEY: cli.registryKey };
  const piped = `enroll ${cli.pathOf('a.identity')} --name /a --token -`;
  expect(await cli.run(piped, '', { env, stdin: `${first}\n` })).toMatchObject({ code: 0, err: '' });
  const fromEnvironment = `enroll ${cli.pathOf('b.identity')} --name /b`;
  const given = { env: { ...env, CLERK_TOKEN: second } };
  expect(await cli.run(fromEnvironment, '', given)).toMatchObject({ code: 0, err: '' });
});

test('enroll overwrites no file, and does not use the token up for it', async () => {
  const cli = await securedCli();
  const token = await tokenFor(cli, '/shop/orders');
  const notes = cli.pathOf('notes.txt');
  writeFileSync(notes, 'notes', { mode: 0o600 });
  const enrolled = await cli.enroll('/shop/orders');
  for (const file of [notes, cli.operator, enrolled]) {
    const before = readFileSync(file, 'utf8');
    const { code, err } = await cli.run(enrollLine(cli, file, '/shop/orders', token), '');
    expect(code).toBe(5);
    expect(err).toContain('exists already, and is not overwritten');
    expect(readFileSync(file, 'utf8')).toBe(before);
  }
  const free = enrollLine(cli, cli.pathOf('free.identity'), '/shop/orders', token);
  expect((await cli.run(free, '')).code).toBe(0);
});

test('an enrollment into a folder that does not exist leaves the token valid', async () => {
  const cli = await securedCli();
  const token = await tokenFor(cli, '/shop/orders');
  const { code, err } = await cli.run(enrollLine(cli, cli.pathOf('none/a'), '/shop/orders', token), '');
  expect(code).toBe(5);
  expect(err).toContain('cannot be written: ENOENT');
  expect((await cli.run(enrollLine(cli, cli.pathOf('a'), '/shop/orders', token), '')).code).toBe(0);
});

test('a malformed token is not quoted', async () => {
  const cli = await securedCli();
  const token = `${await tokenFor(cli, '/a')}.`;
  const { code, err } = await cli.run(enrollLine(cli, cli.pathOf('a'), '/a', token), '');
  expect(code).toBe(2);
  expect(err).toContain('copy the whole line');
  expect(err).not.toContain(token.slice(12, 40));
});

test('a used, an expired, an unknown and a foreign token are refused alike, with the next step', async () => {
  const cli = await securedCli();
  const used = await tokenFor(cli, '/shop/orders');
  await cli.run(enrollLine(cli, cli.pathOf('first'), '/shop/orders', used), '');
  const expired = await tokenFor(cli, '/shop/orders', ' --ttl 10m');
  cli.advanceWallClock(600_001);
  const tokens = [used, expired, createEnrolToken(systemHashing), await tokenFor(cli, '/shop/web')];
  for (const [i, token] of tokens.entries()) {
    const { code, out, err } = await cli.run(
      enrollLine(cli, cli.pathOf(`refused-${i}`), '/shop/orders', token),
      '',
    );
    expect({ code, out }).toEqual({ code: 5, out: '' });
    expect(err).toMatch(
      /^clerk: The enrolment was refused: the token or ticket is unknown, expired or used, [^\n]*\n {2}The enrollment in \S+ is unfinished; ask an operator for a new token \(clerk token NAME\) and repeat the command with the new token, or delete the file\n$/,
    );
    expect(err).not.toContain(token);
  }
});

test('a file with an unfinished enrollment says so, for its own and for another name', async () => {
  const cli = await securedCli();
  const file = cli.pathOf('web');
  await cli.run(enrollLine(cli, file, '/shop/web', createEnrolToken(systemHashing)), '');
  const used = await cli.run('ls', file);
  expect(used.code).toBe(5);
  expect(used.err).toContain(
    `The enrollment of /shop/web in '${file}' is unfinished, because no registry has confirmed the key in the file; complete it with clerk enroll ${file} --name /shop/web and a new token, or delete the file`,
  );
  const token = await tokenFor(cli, '/shop/billing');
  const other = await cli.run(enrollLine(cli, file, '/shop/billing', token), '');
  expect(other.code).toBe(5);
  expect(other.err).toContain(
    `has an unfinished enrolment of /shop/web; delete the file, or use another file for /shop/billing`,
  );
});

test('after a refused enrollment, a new token enrolls the same file', async () => {
  const cli = await securedCli();
  const file = cli.pathOf('orders');
  await cli.run(enrollLine(cli, file, '/shop/orders', createEnrolToken(systemHashing)), '');
  const line = enrollLine(cli, file, '/shop/orders', await tokenFor(cli, '/shop/orders'));
  expect(await cli.run(line, '')).toMatchObject({ code: 0, err: '' });
});

test.each([
  ['', 'clerk enroll needs a token, which an operator creates with clerk token NAME'],
  [' --token=', 'The token is empty; give the line that clerk token has printed'],
  [
    ' --token clerk_token_short',
    'The token must begin with clerk_token_ and be complete; got 17 characters in another form',
  ],
])('enroll with%s says what it needs', async (option, message) => {
  const cli = await securedCli();
  const line = `enroll ${cli.pathOf('a')} --name /a --registry-key ${cli.registryKey}${option}`;
  const { code, err } = await cli.run(line, '', { terminal: true });
  expect(code).toBe(2);
  expect(err).toContain(message);
});

test('enroll needs the key of the registry, and an address with https:', async () => {
  const cli = await securedCli();
  const token = createEnrolToken(systemHashing);
  const noKey = await cli.run(`enroll ${cli.pathOf('a')} --name /a --token ${token}`, '');
  expect(noKey.code).toBe(2);
  expect(noKey.err).toContain(
    'clerk enroll needs the key of the registry, which clerk init and clerk serve print',
  );
  const plain = `${enrollLine(cli, cli.pathOf('a'), '/a', token)} --registry http://127.0.0.1:1`;
  const noTls = await cli.run(plain, '');
  expect(noTls.code).toBe(2);
  expect(noTls.err).toContain('--registry must have https: addresses');
  expect(existsSync(cli.pathOf('a'))).toBe(false);
});

test('a registry with another key gets no token', async () => {
  const cli = await securedCli();
  const token = await tokenFor(cli, '/a');
  const { pin } = systemKeys.create('/registry');
  const other = `enroll ${cli.pathOf('a')} --name /a --token ${token} --registry-key ${pin}`;
  const { code, err } = await cli.run(other, '');
  expect(code).toBe(5);
  expect(err).toContain(`must prove the key ${pin}; got ${cli.registryKey}`);
  expect(err).toContain('with the key that clerk serve and clerk registry-key print');
});

test('an identity file that other users can read is refused, with the command that repairs it', async () => {
  const cli = await securedCli();
  const file = await cli.enroll('/shop/web');
  chmodSync(file, 0o644);
  const { code, err } = await cli.run('ls', file);
  expect(code).toBe(5);
  expect(err).toContain('the file is readable by other users; run chmod 600 on the file');
});

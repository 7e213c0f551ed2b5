/** `clerk identity`, `clerk group` and `clerk acl`. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { securedCli } from './support/secured-cli.js';

const lines = (text: string): any[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
const pinIn = (file: string): string => /sha256\/[\w-]{43}/.exec(readFileSync(file, 'utf8'))?.[0] ?? '';

test('identity ls shows the keys of the principals that the caller administrates', async () => {
  const cli = await securedCli();
  const web = await cli.enroll('/shop/web');
  const { out } = await cli.run('identity ls');
  expect(out).toMatch(
    /^PRINCIPAL +KEY +STATE +BY +ENROLLED +LAST USED\n\/operator +sha256\/\S+ +valid +init +\S+Z +\S+Z\n\/shop\/web +sha256\/\S+ +valid +token +\S+Z\n$/,
  );
  const [only] = lines((await cli.run('identity ls /shop/web --json')).out);
  expect(only).toMatchObject({ principal: '/shop/web', by: 'token' });
  expect(await cli.run('identity ls', web)).toEqual({
    code: 0,
    out: '',
    err: 'No key; the list contains only principals on which you have the right admin\n',
  });
});

test('identity rotate replaces the key in the file, and the new key is used', async () => {
  const cli = await securedCli();
  const file = await cli.enroll('/shop/web');
  const rotated = await cli.run(`identity rotate ${file} --json`, '', { registry: '' });
  expect(rotated).toMatchObject({ code: 0, err: '' });
  const { key, formerKey } = JSON.parse(rotated.out) as Record<string, string>;
  expect(JSON.parse(rotated.out)).toEqual({ name: '/shop/web', file, key, formerKey });
  const keys = lines((await cli.run('identity ls /shop/web --json')).out);
  expect(keys.map((each) => [each.key, each.by, each.retiresAt === undefined])).toEqual([
    [formerKey, 'token', false],
    [key, 'rotation', true],
  ]);
  expect((await cli.run('ls', file)).code).toBe(0);
  // The file of the operator states no address.
  expect(await cli.run('identity rotate')).toMatchObject({ code: 0, err: '' });
  expect((await cli.run('identity ls')).code).toBe(0);
});

test('identity rotate without a file says what it needs', async () => {
  const cli = await securedCli();
  const { code, err } = await cli.run('identity rotate', '');
  expect(code).toBe(2);
  expect(err).toContain(
    'clerk identity rotate needs an identity file; give its path, or set $CLERK_IDENTITY',
  );
});

test('identity revoke ends a key, says how long tickets last, and refuses what is not there', async () => {
  const cli = await securedCli();
  const file = await cli.enroll('/shop/web');
  const [{ key }] = lines((await cli.run('identity ls /shop/web --json')).out);
  expect(await cli.run(`identity revoke /shop/web ${key}`)).toEqual({
    code: 0,
    out: `Revoked 1 key of /shop/web: ${key}\nThe present tickets of /shop/web expire within 5.5 min\n`,
    err: '',
  });
  const after = await cli.run('ls', file);
  expect(after.code).toBe(5);
  expect(after.err).toContain(`The registry does not accept the key in ${file}, because the key was revoked`);
  expect((await cli.run('identity ls /shop/web')).out).toMatch(/revoked \d{4}-/);
  const unknown = await cli.run('identity revoke /absent');
  expect(unknown).toMatchObject({
    code: 3,
    err: 'clerk: /absent has no key; list the keys with clerk identity ls\n',
  });
  const own = await cli.run('identity revoke /operator');
  expect(own.code).toBe(5);
  expect(own.err).toContain('rotate the key first, or send the request with another key');
  expect((await cli.run('identity revoke /shop/web nonsense')).err).toContain(
    'copy the key from clerk identity ls',
  );
});

test('identity revoke --json prints the principal, its revoked keys and the end of its tickets', async () => {
  const cli = await securedCli();
  await cli.enroll('/shop/web');
  const { out } = await cli.run('identity revoke /shop/web --json');
  expect(JSON.parse(out)).toEqual({
    principal: '/shop/web',
    revoked: [expect.stringMatching(/^sha256\//)],
    ticketsEndInMs: 330_000,
  });
});

test('groups are set, listed and removed', async () => {
  const cli = await securedCli();
  const set = await cli.run('group set /shop/staff /shop/web /shop/billing --guarantee 0');
  expect(set.out).toMatch(/^Set \/shop\/staff to \/shop\/web, \/shop\/billing {2}revision \d+\n$/);
  await cli.run('acl allow /shop/staff /shop/orders call');
  expect((await cli.run('group ls')).out).toBe('/shop/staff  /shop/web /shop/billing\n');
  expect(lines((await cli.run('group ls /shop/* --json')).out)).toEqual([
    { name: '/shop/staff', members: ['/shop/web', '/shop/billing'] },
  ]);
  expect((await cli.run('group ls /other/*')).err).toBe('No group matches /other/*\n');
  expect((await cli.run('group remove /shop/staff')).out).toMatch(/^Removed \/shop\/staff /);
  expect((await cli.run('group ls')).out).toBe('');
});

test('a group cannot be its own member', async () => {
  const cli = await securedCli();
  const { code, err } = await cli.run('group set /shop/loop /shop/web /shop/loop');
  expect(code).toBe(2);
  expect(err).toContain(
    'Members of the group /shop/loop must be other principals or groups; got the group itself; leave it out',
  );
});

test('a group within its guaranteed time changes later', async () => {
  const cli = await securedCli();
  await cli.run('group set /shop/staff /shop/web');
  // The guaranteed time counts from the last lookup.
  await cli.run('resolve /shop/staff');
  const early = await cli.run('group set /shop/staff /shop/billing');
  expect(early.code).toBe(5);
  expect(early.err).toContain('--when-expired schedules the change');
  const later = await cli.run('group set /shop/staff /shop/billing --when-expired');
  expect(later.out).toMatch(/^\/shop\/staff is frozen and will change in /);
});

test('rights are given, explained by entry and group, listed, and taken away', async () => {
  const cli = await securedCli();
  await cli.run('group set /shop/staff /shop/web');
  const allowed = await cli.run('acl allow /shop/staff /shop/orders call,launch');
  expect(allowed.out).toMatch(/^Allowed \/shop\/staff call,launch on \/shop\/orders {2}revision \d+\n$/);
  expect((await cli.run('acl explain /shop/web /shop/orders read,write')).out).toBe(
    'read  allowed  /shop: /shop/staff has call,launch on orders, through the group /shop/staff\n' +
      'write  not allowed  no entry gives the right\n',
  );
  const [reply] = lines((await cli.run('acl explain /shop/web /shop/orders call --json')).out);
  const entry = {
    directory: '/shop',
    principal: '/shop/staff',
    path: '/shop/orders',
    rights: ['call', 'launch'],
  };
  expect(reply).toEqual({
    ...{ principal: '/shop/web', path: '/shop/orders', right: 'call', allowed: true, entry },
    ...{ reason: expect.stringContaining('through the group'), groups: ['/shop/staff'] },
  });
  expect(lines((await cli.run('acl ls /shop/orders --json')).out)).toContainEqual(entry);
  expect((await cli.run('acl ls')).out).toMatch(/\/shop\/staff +\/shop\/orders +call,launch +\/shop\n/);
  expect((await cli.run('acl remove /shop/staff /shop/orders launch')).out).toMatch(
    /^Removed launch on \/shop\/orders from \/shop\/staff /,
  );
  expect((await cli.run('acl remove /shop/staff /shop/orders')).out).toMatch(/^Removed all rights on /);
  const [none] = lines((await cli.run('acl explain /shop/web /shop/orders call --json')).out);
  expect(none).toMatchObject({ allowed: false });
});

test('a principal relative to a directory needs no leading slash', async () => {
  const cli = await securedCli();
  const { code, err } = await cli.run('acl allow ../web/* /shop/orders call --directory /shop');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect((await cli.run('acl explain /web/one /shop/orders call')).out).toMatch(
    /^call {2}allowed {2}\/shop: /,
  );
});

test.each([
  [
    'acl allow shop/web /a call',
    2,
    "Principal must begin with '/', './' or '../'; got 'shop/web', use '/shop/web'",
  ],
  ['acl allow /shop/web shop/orders call', 2, "Glob must begin with '/'"],
  [
    'acl allow /shop/web /a cal',
    2,
    'Rights must be one or more of read, test, call, advertise, write, launch, admin',
  ],
  ['acl remove /shop/web /a call', 3, 'holds no rights of /shop/web on /a'],
  ['acl allow /shop/web /a', 2, "missing required argument 'rights'"],
  ['acl frobnicate', 2, "unknown command 'frobnicate'"],
  ['group set /a', 2, "missing required argument 'principal'"],
  ['identity revoke', 2, "missing required argument 'name'"],
])('clerk %s exits with %i and says why', async (line, code, message) => {
  const cli = await securedCli();
  const result = await cli.run(line);
  expect(result).toMatchObject({ code, out: '' });
  expect(result.err).toContain(message);
});

test.each([
  ['token /shop/other', 'admin', '/shop/other'],
  ['identity revoke /shop/other', 'admin', '/shop/other'],
  ['group set /shop/staff /shop/web', 'write', '/shop/staff'],
  ['acl allow /shop/web /shop/orders call', 'admin', '/shop/orders'],
  ['acl explain /shop/other /shop/orders call', 'admin', '/shop/orders'],
  ['define /shop/orders', 'write', '/shop/orders'],
])('without the right, clerk %s names the command that gives it', async (line, right, name) => {
  const cli = await securedCli();
  const web = await cli.enroll('/shop/web');
  const { code, out, err } = await cli.run(line, web);
  expect({ code, out }).toEqual({ code: 5, out: '' });
  expect(err).toBe(
    `clerk: /shop/web must have the right ${right} on ${name}\n  An operator can allow it: clerk acl allow /shop/web ${name} ${right}\n`,
  );
});

test('a command without an identity is informed how to get one', async () => {
  const cli = await securedCli();
  const env = { CLERK_REGISTRY_KEY: cli.registryKey };
  const noIdentity = await cli.run('ls', '', { env });
  expect(noIdentity.code).toBe(5);
  expect(noIdentity.err).toContain(
    'Give --identity FILE, or set $CLERK_IDENTITY; clerk enroll creates the file',
  );
  const noKey = await cli.run('ls', '');
  expect(noKey.code).toBe(4);
  expect(noKey.err).toContain('set --registry-key or $CLERK_REGISTRY_KEY to the key of the registry');
});

test('a key of another registry, and an http: address, are distinguished from an absent registry', async () => {
  const cli = await securedCli();
  const plain = cli.url.replace('https:', 'http:');
  const noTls = await cli.run('ls', '', { registry: plain });
  expect(noTls.code).toBe(4);
  expect(noTls.err).toContain('If the registry has keys, give its https: address and an identity');
  const withIdentity = await cli.run('ls', undefined, { registry: plain });
  expect(withIdentity.code).toBe(2);
  expect(withIdentity.err).toContain('$CLERK_REGISTRY must have https: addresses');
  const other = await securedCli();
  const foreign = await cli.run('ls', other.operator);
  expect(foreign.code).toBe(5);
  expect(foreign.err).toContain(`must prove the key ${pinIn(other.operator)}`);
  expect(foreign.err).toContain(
    'compare the key in --registry-key, $CLERK_REGISTRY_KEY or the identity file',
  );
  const unknown = await cli.run('ls', other.operator, { env: { CLERK_REGISTRY_KEY: cli.registryKey } });
  expect(unknown.code).toBe(5);
  expect(unknown.err).toContain('or belongs to another registry; enroll a new key with clerk enroll');
});

test('a name without a right is absent, and the message says so', async () => {
  const cli = await securedCli();
  const web = await cli.enroll('/shop/web');
  await cli.run('define /shop/orders');
  const { code, err } = await cli.run('resolve /shop/orders', web);
  expect(code).toBe(3);
  expect(err).toContain(
    'clerk: /shop/orders does not exist\n  The registry does not show names that you may not read',
  );
});

import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { isClerkError } from '../../src/core/errors.js';
import type { PrivateFiles } from '../../src/core/files.js';
import {
  decodeIdentity,
  encodeIdentity,
  IdentityFile,
  type IdentityContent,
} from '../../src/identity/identity-file.js';
import { systemFiles } from '../../src/runtime/system-files.js';
import { systemKeys } from '../../src/runtime/system-keys.js';

const seed = 20_265;
const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-identity-'));
afterAll(() => rmSync(folder, { recursive: true }));

const runtime = { files: systemFiles, keys: systemKeys };
const credentials = systemKeys.create('/shop/orders');
const content: IdentityContent = {
  credentials,
  registry: ['https://127.0.0.1:4711'],
  registryKeys: [systemKeys.create('/registry').pin],
  next: systemKeys.create('/shop/orders'),
};
const secrets = [credentials, content.next].map((each) => each?.key.split('\n')[1] as string);

function rejection(run: () => unknown): string {
  try {
    run();
    return 'accepted';
  } catch (error) {
    if (isClerkError(error)) return `${error.code}: ${error.message} ${String(error.cause)}`;
    throw error;
  }
}

function identityFile(name: string, text = encodeIdentity(content), mode = 0o600): IdentityFile {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return new IdentityFile(path, runtime);
}

test('an identity is read back as it was written', async () => {
  const file = new IdentityFile(join(folder, 'orders.identity'), runtime);
  await file.write(content);
  expect(file.read()).toEqual(content);
  expect(statSync(file.path).mode & 0o777).toBe(0o600);
  await file.write({ credentials, registry: [], registryKeys: [] });
  expect(file.read()).toEqual({ credentials, registry: [], registryKeys: [], next: undefined });
  expect(readdirSync(folder)).toEqual(['orders.identity']);
});

test('announced registry keys replace those of the same registry, and nothing else', async () => {
  const file = identityFile('announced');
  const [first] = content.registryKeys as [string];
  const second = systemKeys.create('/registry').pin;
  await file.updateRegistryKeys([systemKeys.create('/registry').pin, second]);
  expect(file.read()).toEqual(content);
  await file.updateRegistryKeys([first, second]);
  expect(file.read()).toEqual({ ...content, registryKeys: [first, second] });
  await file.updateRegistryKeys([second]);
  expect(file.read()).toEqual({ ...content, registryKeys: [second] });
});

test('an update of the registry keys keeps a private key that another process writes meanwhile', async () => {
  const [first] = content.registryKeys as [string];
  const registryKeys = [first, systemKeys.create('/registry').pin];
  const rotated = { ...content, credentials: content.next ?? credentials, next: undefined };
  const other = identityFile('concurrent');
  let replacements = 0;
  const files: PrivateFiles = {
    read: (...args) => systemFiles.read(...args),
    async replace(...args) {
      if (++replacements === 1) await other.write(rotated);
      await systemFiles.replace(...args);
    },
  };
  await new IdentityFile(other.path, { files, keys: systemKeys }).updateRegistryKeys(registryKeys);
  expect(other.read()).toEqual({ ...rotated, registryKeys });
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

test.each([0o640, 0o604, 0o660, 0o602, 0o620, 0o644, 0o666])(
  'a file with the mode %o is refused, since other users may read or write it',
  (mode) =>
    expect(rejection(() => identityFile('loose', undefined, mode).read())).toMatch(
      /^IDENTITY_INVALID: .*cannot be read: the file is (readable|writable) by other users/,
    ),
);

test.each([0o600, 0o400, 0o700])('a file with the mode %o is accepted', (mode) =>
  expect(identityFile(`private-${mode.toString(8)}`, undefined, mode).read().credentials).toEqual(
    credentials,
  ),
);

test('a missing file, a folder and a symbolic link are refused', () => {
  const { path } = identityFile('target');
  symlinkSync(path, join(folder, 'link'));
  expect(rejection(() => new IdentityFile(join(folder, 'none'), runtime).read())).toMatch(/does not exist/);
  expect(rejection(() => new IdentityFile(join(folder, 'link'), runtime).read())).toMatch(/ELOOP/);
  expect(rejection(() => new IdentityFile(folder, runtime).read())).toMatch(/not a regular file/);
});

test('a folder that does not exist is an error of the identity', async () => {
  const file = new IdentityFile(join(folder, 'none', 'x'), runtime);
  await expect(file.write(content)).rejects.toMatchObject({ code: 'IDENTITY_INVALID' });
});

const fields = JSON.parse(encodeIdentity(content)) as Record<string, unknown>;
test.each<[string, unknown, RegExp]>([
  ['no JSON', undefined, /must be JSON/],
  ['a list', [fields], /must be a JSON object/],
  ['another version', { ...fields, v: 2 }, /must have version 1/],
  ['no version', { ...fields, v: undefined }, /must have version 1/],
  ['an unknown field', { ...fields, passphrase: 'x' }, /unknown field 'passphrase'/],
  ['an invalid name', { ...fields, name: 'orders' }, /absolute name/],
  ['no key', { ...fields, key: undefined }, /private key in PEM/],
  ['the certificate of another key', { ...fields, cert: systemKeys.create('/x').cert }, /belong to its key/],
  [
    'a registry that does not use HTTP',
    { ...fields, registry: ['tcp://x:1'] },
    /the field 'registry' must be an http: or https: URL .*; got 'tcp:\/\/x:1'/,
  ],
  ['an invalid registry key', { ...fields, registryKey: ['sha256/x'] }, /must be 'sha256\/'/],
  ['a next key that is a text', { ...fields, next: 'x' }, /private key in PEM/],
])('refuses %s without quoting a key', (_, value, reason) => {
  const text = value === undefined ? encodeIdentity(content).slice(0, -3) : JSON.stringify(value);
  const message = rejection(() => identityFile('damaged', text).read());
  expect(message).toMatch(/^IDENTITY_INVALID: Identity file /);
  expect(message).toMatch(reason);
  for (const secret of secrets) expect(message).not.toContain(secret);
});

test('a file above 64 KiB is refused', () => {
  const text = `${encodeIdentity(content)}${' '.repeat(65_536)}`;
  expect(rejection(() => identityFile('large', text).read())).toMatch(/at most 65536 bytes/);
});

test('100,000 damaged texts are read as a valid identity or refused without quoting a key', () => {
  const text = encodeIdentity({
    credentials,
    registry: content.registry,
    registryKeys: content.registryKeys,
  });
  const keys = { check: (given: unknown) => ({ ...credentials, ...(given as object) }) };
  fc.assert(
    fc.property(
      fc.nat(text.length),
      fc.nat(40),
      fc.constantFrom('', '"', '{', '}', '[', ']', ',', ':', '\\', '__proto__', '0', 'null'),
      (at, cut, added) => {
        const damaged = text.slice(0, at) + added + text.slice(at + cut);
        const message = rejection(() => decodeIdentity(damaged, 'Identity file', keys));
        expect(message).toMatch(/^(accepted|IDENTITY_INVALID: )/);
        expect(message).not.toContain(secrets[0]);
      },
    ),
    { seed, numRuns: 100_000 },
  );
});

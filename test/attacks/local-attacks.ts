/** Attacks of another user of the host on identity files and manifests, and of clients on the parameters of a launch. */
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IdentityFile } from '../../src/identity/identity-file.js';
import { systemFiles } from '../../src/runtime/system-files.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { LinearPattern } from '../../src/server/launcher/linear-pattern.js';
import { readManifests } from '../../src/server/launcher/manifest-files.js';
import { fillTemplates, type ManifestParameter } from '../../src/server/launcher/parameters.js';
import { refusalOf, type Attack, type ObservedWorld, type Refusal } from './attack.js';

export interface LocalWorld extends ObservedWorld {
  /** A new path in a folder of the test. */
  path(): string;
  close(): void;
}

export function startLocalWorld(): LocalWorld {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-local-'));
  let count = 0;
  return {
    path: () => join(folder, String(++count)),
    snapshot: async () => '',
    close: () => rmSync(folder, { recursive: true }),
  };
}

type LocalAttack = Attack<LocalWorld>;

const own = systemKeys.create('/shop/orders');
const other = systemKeys.create('/shop/orders');
const valid = { v: 1, name: own.name, key: own.key, cert: own.cert };
const files = 'runtime/system-files.ts';
const identityFile = 'identity/identity-file.ts';
const keys = 'runtime/system-keys.ts';

const read = (path: string): Promise<Refusal> =>
  refusalOf(() => new IdentityFile(path, { files: systemFiles, keys: systemKeys }).read());

function fileAttack(
  name: string,
  check: string,
  because: string,
  spoil: (path: string) => void,
): LocalAttack {
  return {
    ...{ name, by: 'local user', check, because, refusedAs: 'IDENTITY_INVALID' },
    async run(world) {
      const path = world.path();
      writeFileSync(path, JSON.stringify(valid), { mode: 0o600 });
      spoil(path);
      return [await read(path)];
    },
  };
}

/** An identity file with other contents. */
function contentAttack(
  name: string,
  check: string,
  because: string,
  contents: readonly (object | string)[],
): LocalAttack {
  return {
    ...{ name, by: 'local user', check, because, refusedAs: 'IDENTITY_INVALID' },
    async run(world) {
      const refusals: Refusal[] = [];
      for (const content of contents) {
        const path = world.path();
        const text = typeof content === 'string' ? content : JSON.stringify({ ...valid, ...content });
        writeFileSync(path, text, { mode: 0o600 });
        refusals.push(await read(path));
      }
      return refusals;
    },
  };
}

const pemOf = (type: 'rsa' | 'ed448'): string =>
  (type === 'rsa'
    ? generateKeyPairSync('rsa', { modulusLength: 2_048 })
    : generateKeyPairSync('ed448')
  ).privateKey
    .export({ type: 'pkcs8', format: 'pem' })
    .toString();

const encrypted = generateKeyPairSync('ed25519')
  .privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
  .toString();

const identityAttacks: readonly LocalAttack[] = [
  fileAttack('an identity file that other users can read', `${files}: readers`, 'cannot be read', (path) =>
    chmodSync(path, 0o644),
  ),
  fileAttack('an identity file that its group can read', `${files}: readers`, 'cannot be read', (path) =>
    chmodSync(path, 0o640),
  ),
  fileAttack('an identity file that other users can change', `${files}: writers`, 'cannot be read', (path) =>
    chmodSync(path, 0o622),
  ),
  fileAttack('a link in place of an identity file', `${files}: links`, 'cannot be read', (path) => {
    renameSync(path, `${path}.real`);
    symlinkSync(`${path}.real`, path);
  }),
  fileAttack('a folder in place of an identity file', `${files}: plain file`, 'cannot be read', (path) => {
    rmSync(path);
    mkdirSync(path, { mode: 0o700 });
  }),
  fileAttack('a very large identity file', `${files}: size`, 'cannot be read', (path) =>
    writeFileSync(path, JSON.stringify({ ...valid, padding: 'x'.repeat(70_000) })),
  ),
  contentAttack('an identity file that is not JSON', `${identityFile}: JSON`, 'must be JSON', [
    '',
    '{',
    own.key,
  ]),
  contentAttack(
    'an identity file that is not an object',
    `${identityFile}: object`,
    'must be a JSON object',
    ['[]', 'null', '7'],
  ),
  contentAttack('an unknown field in an identity file', `${identityFile}: fields`, 'unknown field', [
    { command: 'rm' },
    JSON.stringify(valid).replace('{', '{"__proto__":{},'),
  ]),
  contentAttack('another version of identity files', `${identityFile}: version`, 'version 1', [
    { v: 2 },
    { v: '1' },
    { v: null },
  ]),
  contentAttack('an identity without a valid name', `${keys}: name`, 'absolute name', [
    { name: '../operator' },
    { name: ['/operator'] },
    { name: '/a/../b' },
  ]),
  contentAttack(
    'a key that is not a private key, or has a passphrase',
    `${keys}: private key`,
    'private key in PEM',
    [{ key: own.cert }, { key: encrypted }, { key: 7 }, { key: '' }],
  ),
  contentAttack(
    'a key of another algorithm',
    `${keys}: algorithm of a private key`,
    'Ed25519 key or an EC key',
    [{ key: pemOf('rsa') }, { key: pemOf('ed448') }],
  ),
  contentAttack(
    'the certificate of another key',
    `${keys}: certificate of the key`,
    'must belong to its key',
    [{ cert: other.cert }],
  ),
  contentAttack('a certificate that is not one', `${keys}: certificate`, 'X.509 certificate', [
    { cert: own.key },
    { cert: 'x' },
    { cert: null },
  ]),
  contentAttack('a registry of another scheme', 'core/address.ts: scheme of the registry', 'is invalid', [
    { registry: ['javascript:alert(1)'] },
    { registry: 'https://user:password@127.0.0.1:1' },
    { registry: 7 },
  ]),
  contentAttack('a registry key that is not a pin', 'core/key-pin.ts: form of a pin', 'Registry key', [
    { registryKey: 'x' },
    { registryKey: [`sha256/${'B'.repeat(43)}`] },
    { registryKey: [] },
  ]),
  contentAttack(
    'an unfinished rotation to the key of another identity',
    `${identityFile}: next key`,
    'is invalid',
    [{ next: { key: own.key, cert: other.cert } }, { next: {} }, { next: 7 }],
  ),
];

const text: ManifestParameter = { type: 'string', allowed: undefined };
const parameters = 'server/launcher/parameters.ts';

/** A client chooses the parameters of a launch. */
function parameterAttack(
  name: string,
  check: string,
  because: string,
  parameter: ManifestParameter,
  values: readonly Record<string, unknown>[],
  template = '--x=${p}',
): LocalAttack {
  return {
    ...{ name, by: 'client', check: `${parameters}: ${check}`, because, refusedAs: 'START_FAILED' },
    run: async () =>
      Promise.all(
        values.map((value) =>
          refusalOf(() =>
            fillTemplates([template], new Map([['p', parameter]]), value as Record<string, string>),
          ),
        ),
      ),
  };
}

const parameterAttacks: readonly LocalAttack[] = [
  parameterAttack('a parameter that the manifest does not declare', 'declared', 'is not declared', text, [
    { p: 'a', exec: '/bin/sh' },
    { p: 'a', env: 'LD_PRELOAD=x' },
    { p: 'a', constructor: 'x' },
  ]),
  parameterAttack('a missing parameter', 'required', 'is required', text, [{}]),
  parameterAttack('a parameter of another type', 'type of a string', 'must be a string', text, [
    { p: 7 },
    { p: ['a', 'b'] },
    { p: { toString: 'x' } },
    { p: null },
  ]),
  parameterAttack('a very long parameter', 'length', 'at most 256 characters', text, [
    { p: 'x'.repeat(257) },
  ]),
  parameterAttack('the end of a C string in a parameter', 'NUL', '\\u0000', text, [{ p: 'a\0b' }]),
  parameterAttack(
    'a value that the manifest does not list',
    'listed values',
    'that the manifest allows',
    { type: 'string', allowed: new Set(['small', 'large']) },
    [{ p: 'small ' }, { p: 'small\n--admin' }, { p: '' }],
  ),
  parameterAttack(
    'a value that does not match the pattern of the manifest',
    'pattern',
    'that the manifest allows',
    { type: 'string', allowed: new LinearPattern('[a-z]+') },
    [{ p: 'a; reboot' }, { p: '$(reboot)' }, { p: 'a\nb' }, { p: '../a' }],
  ),
  parameterAttack(
    'an option in place of a value',
    'leading hyphen',
    "must not begin with '-'",
    text,
    [{ p: '--admin' }, { p: '-v' }],
    '${p}',
  ),
  parameterAttack(
    'a number that is not one',
    'type of a number',
    'must be of type integer',
    { type: 'integer', min: 1, max: 9 },
    [{ p: '1e0' }, { p: ' 1' }, { p: '0x1' }, { p: 1.5 }, { p: '1;2' }, { p: NaN }],
  ),
  parameterAttack(
    'a number out of its range',
    'range',
    'must be from 1 to 9',
    { type: 'integer', min: 1, max: 9 },
    [{ p: 0 }, { p: 10 }, { p: '-1' }],
  ),
];

interface ManifestFolder {
  readonly program: string;
  readonly folder: string;
  readonly manifest: string;
}

function manifestAttack(
  name: string,
  check: string,
  because: string,
  spoil: (files: ManifestFolder) => void,
): LocalAttack {
  return {
    ...{ name, by: 'local user', check, because, refusedAs: 'CONFIG_INVALID' },
    async run(world) {
      const at = world.path();
      mkdirSync(at, { mode: 0o755 });
      const [program, folder] = [join(at, 'orders'), join(at, 'manifests')];
      const manifest = join(folder, 'orders.yaml');
      writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 });
      mkdirSync(folder, { mode: 0o755 });
      writeFileSync(manifest, `version: 1\nservice: /shop/orders\nexec: ${program}\n`, { mode: 0o644 });
      await readManifests(folder);
      spoil({ program, folder, manifest });
      return [await refusalOf(() => readManifests(folder))];
    },
  };
}

const trust = 'server/launcher/file-trust.ts';

const manifestAttacks: readonly LocalAttack[] = [
  manifestAttack(
    'a manifest that all users can change',
    `${trust}: writers of a manifest`,
    'writable',
    ({ manifest }) => chmodSync(manifest, 0o646),
  ),
  manifestAttack(
    'a folder of manifests that its group can change',
    `${trust}: writers of the folder`,
    'writable',
    ({ folder }) => chmodSync(folder, 0o775),
  ),
  manifestAttack(
    'a program that all users can change',
    `${trust}: writers of a program`,
    'writable',
    ({ program }) => chmodSync(program, 0o757),
  ),
  manifestAttack('a program that is a folder', `${trust}: regular file`, 'regular file', ({ program }) => {
    rmSync(program);
    mkdirSync(program);
  }),
  manifestAttack('a program that is not executable', `${trust}: executable`, 'executable', ({ program }) =>
    chmodSync(program, 0o644),
  ),
  manifestAttack(
    'a very large manifest',
    'server/launcher/manifest-files.ts: size',
    'at most 65536 bytes',
    ({ manifest }) => writeFileSync(manifest, `# ${'x'.repeat(70_000)}\n`),
  ),
  manifestAttack(
    'a folder in place of a manifest',
    'server/launcher/manifest-files.ts: plain file',
    'regular file',
    ({ manifest }) => {
      rmSync(manifest);
      mkdirSync(manifest);
    },
  ),
];

export const localAttacks: readonly LocalAttack[] = [
  ...identityAttacks,
  ...manifestAttacks,
  ...parameterAttacks,
];

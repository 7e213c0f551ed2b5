import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import type { CheckedCredentials, Credentials } from '../../src/core/credentials.js';
import { ClerkError } from '../../src/core/errors.js';
import { IdentityFile } from '../../src/identity/identity-file.js';
import { openIdentityFrom, type IdentityRuntime } from '../../src/identity/open-identity.js';
import { systemHashing } from '../../src/runtime/hashing.js';
import { createEnrolToken } from '../../src/protocol/enrol-token.js';
import { systemFiles } from '../../src/runtime/system-files.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { FakeEnrolments } from '../support/fake-enrolments.js';
import { ManualClock } from '../support/manual-clock.js';

const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-open-identity-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
const newPath = (): string => join(folder, `${String(++count)}.identity`);

const clock = new ManualClock();
const warnings: string[] = [];
beforeEach(() => void warnings.splice(0));

function world(): { registry: FakeEnrolments; runtime: IdentityRuntime } {
  const registry = new FakeEnrolments();
  const runtime = {
    clock,
    files: systemFiles,
    keys: systemKeys,
    warn: (message: string) => void warnings.push(message),
    send: registry.send,
  };
  return { registry, runtime };
}

const token = createEnrolToken(systemHashing);
const other = systemKeys.create('/registry');

function enrolment(registry: FakeEnrolments, more: object = {}) {
  registry.tokens.set(token, '/shop/orders');
  return {
    name: '/shop/orders',
    token,
    registry: 'https://127.0.0.1:4711',
    registryKey: registry.credentials.pin,
    ...more,
  };
}

async function fileOf(credentials: CheckedCredentials, more: object = {}): Promise<IdentityFile> {
  const file = new IdentityFile(newPath(), world().runtime);
  await file.write({ credentials, registry: [], registryKeys: [], ...more });
  return file;
}

test('an identity file is opened, with its registry', async () => {
  const credentials = systemKeys.create('/shop/orders');
  const place = { registry: ['https://127.0.0.1:4711'], registryKeys: [other.pin] };
  const { path } = await fileOf(credentials, place);
  const identity = await openIdentityFrom(path, world().runtime);
  expect(identity).toMatchObject({ name: '/shop/orders', last: credentials, ...place });
  expect(await identity.current()).toEqual(credentials);
  expect(identity.tls()).toEqual({
    key: credentials.key,
    cert: credentials.cert,
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: false,
    sessionTimeout: 300,
  });
});

test('a file that another process replaces is noticed within a second, and listeners are called once', async () => {
  const [old, next] = [systemKeys.create('/shop/orders'), systemKeys.create('/shop/orders')];
  const file = await fileOf(old);
  const identity = await openIdentityFrom(file.path, world().runtime);
  const listener = vi.fn();
  const removed = vi.fn();
  identity.onChanged(listener);
  identity.onChanged(removed)();
  await file.write({ credentials: next, registry: [], registryKeys: [] });
  expect(await identity.current()).toEqual(old);
  clock.advance(1_000);
  const [first, second] = await Promise.all([identity.current(), identity.current()]);
  expect([first, second]).toEqual([next, next]);
  expect(identity.tls().key).toBe(next.key);
  clock.advance(1_000);
  await identity.current();
  expect(listener.mock.calls).toEqual([[next, old]]);
  expect(removed).not.toHaveBeenCalled();
});

test('while the file cannot be read, the last credentials stay in use, with one warning', async () => {
  const credentials = systemKeys.create('/shop/orders');
  const { path } = await fileOf(credentials);
  const identity = await openIdentityFrom(path, world().runtime);
  rmSync(path);
  for (let i = 0; i < 3; i++) {
    clock.advance(1_000);
    expect(await identity.current()).toEqual(credentials);
  }
  expect(warnings).toEqual([
    `The last credentials of /shop/orders stay in use, because the identity cannot be read again: Identity file '${path}' does not exist; check the path`,
  ]);
});

test('a file with another name is not taken over', async () => {
  const file = await fileOf(systemKeys.create('/shop/orders'));
  const identity = await openIdentityFrom(file.path, world().runtime);
  await file.write({ credentials: systemKeys.create('/shop/stock'), registry: [], registryKeys: [] });
  clock.advance(1_000);
  expect(await identity.current()).toMatchObject({ name: '/shop/orders' });
  expect(warnings).toHaveLength(1);
});

test('credentials of the program are taken from its function, and a change is noticed', async () => {
  let { name, key, cert }: Credentials = systemKeys.create('/shop/orders');
  const identity = await openIdentityFrom(async () => ({ name, key, cert }), world().runtime);
  expect(identity.last).toMatchObject({ name, key });
  ({ name, key, cert } = systemKeys.create('/shop/orders', 'ES256'));
  clock.advance(1_000);
  expect(await identity.current()).toMatchObject({ key, algorithm: 'ES256' });
  await expect(identity.rotate()).rejects.toMatchObject({ code: 'IDENTITY_INVALID' });
});

test.each<[string, unknown, string]>([
  ['a number', 7, 'CONFIG_INVALID'],
  ['an empty path', '', 'CONFIG_INVALID'],
  ['an unknown option', { file: 'x', password: 'y' }, 'CONFIG_INVALID'],
  ['an option of another type', { file: 7 }, 'CONFIG_INVALID'],
  ['an unknown algorithm', { file: 'x', algorithm: 'RS256' }, 'CONFIG_INVALID'],
  ['a token of another form', { file: 'x', token: 'secret' }, 'CONFIG_INVALID'],
  ['an enrolment without a token', { name: '/shop/orders' }, 'CONFIG_INVALID'],
  ['no registry', { name: '/x', token, registry: [], registryKey: other.pin }, 'CONFIG_INVALID'],
  ['a registry that is a number', { file: 'x', registry: 5 }, 'CONFIG_INVALID'],
  ['a registry that is null', { file: 'x', registry: null }, 'CONFIG_INVALID'],
  ['a registry that does not use HTTP', { file: 'x', registry: 'tcp://x:1' }, 'CONFIG_INVALID'],
  ['an invalid name', { name: 'x', token, registry: 'https://x:1', registryKey: other.pin }, 'NAME_INVALID'],
  ['a missing file', join(folder, 'none'), 'IDENTITY_INVALID'],
  ['a missing file in options', { file: join(folder, 'none') }, 'IDENTITY_INVALID'],
  ['a function that throws', () => Promise.reject(new ClerkError('ABORTED', 'x')), 'ABORTED'],
  ['a function that returns no key', () => ({ name: '/x', key: '', cert: '' }), 'IDENTITY_INVALID'],
])('%s is refused', async (_, source, code) => {
  const opened = openIdentityFrom(source as string, world().runtime);
  await expect(opened).rejects.toMatchObject({ code });
  await expect(opened).rejects.not.toMatchObject({ message: expect.stringContaining('secret') });
});

test('a token enrols a key in memory', async () => {
  const { registry, runtime } = world();
  const identity = await openIdentityFrom(enrolment(registry), runtime);
  expect(registry.keys.get(identity.last!.pin)).toBe('/shop/orders');
  expect(identity).toMatchObject({
    registry: ['https://127.0.0.1:4711'],
    registryKeys: [registry.credentials.pin],
  });
  await expect(openIdentityFrom({ ...enrolment(registry), token }, runtime)).resolves.toBeDefined();
});

test('an enrolment creates a key of the given algorithm', async () => {
  const { registry, runtime } = world();
  const identity = await openIdentityFrom({ ...enrolment(registry), algorithm: 'ES256' }, runtime);
  expect(identity.last).toMatchObject({ algorithm: 'ES256' });
});

test('a used token is refused', async () => {
  const { registry, runtime } = world();
  const options = enrolment(registry);
  await openIdentityFrom(options, runtime);
  await expect(openIdentityFrom(options, runtime)).rejects.toMatchObject({ code: 'TICKET_REFUSED' });
});

test('a token enrols the key of a file, once; later the file alone is enough', async () => {
  const { registry, runtime } = world();
  const file = newPath();
  const options = enrolment(registry, { file });
  const first = await openIdentityFrom(options, runtime);
  const again = await openIdentityFrom(options, runtime);
  const alone = await openIdentityFrom(file, runtime);
  expect(again.last).toEqual(first.last);
  expect(alone).toMatchObject({ last: first.last, registryKeys: [registry.credentials.pin] });
  expect(registry.requests).toEqual(['/v1/enroll']);
  await expect(openIdentityFrom({ file, name: '/shop/stock' }, runtime)).rejects.toMatchObject({
    code: 'IDENTITY_INVALID',
  });
});

test.each(['lost-response', 'crash'] as const)(
  'an enrolment that the registry has stored is completed after %s',
  async (fault) => {
    const { registry, runtime } = world();
    const file = newPath();
    const options = enrolment(registry, { file });
    registry.loseNextResponse();
    // After a crash nothing can be asked, as if the process had ended before the response.
    registry.isDown = false;
    if (fault === 'crash') registry.failAfterLoss = true;
    const first = openIdentityFrom(options, runtime);
    if (fault === 'crash') {
      await expect(first).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
      registry.failAfterLoss = false;
      registry.isDown = false;
    }
    const identity = fault === 'crash' ? await openIdentityFrom(options, runtime) : await first;
    expect([...registry.keys]).toEqual([[identity.last!.pin, '/shop/orders']]);
    expect(new IdentityFile(file, runtime).read()).toMatchObject({
      credentials: identity.last,
      registryKeys: [registry.credentials.pin],
    });
  },
);

test('a token that the registry refuses leaves a file that a new token can enrol', async () => {
  const { registry, runtime } = world();
  const file = newPath();
  const options = enrolment(registry, { file });
  registry.tokens.clear();
  await expect(openIdentityFrom(options, runtime)).rejects.toMatchObject({ code: 'TICKET_REFUSED' });
  expect(existsSync(file)).toBe(true);
  registry.tokens.set(token, '/shop/orders');
  expect(await openIdentityFrom(options, runtime)).toMatchObject({ name: '/shop/orders' });
});

test('a rotation enrols a new key with the old key, and writes the new key', async () => {
  const { registry, runtime } = world();
  const file = newPath();
  const identity = await openIdentityFrom(enrolment(registry, { file }), runtime);
  const old = identity.last!;
  const listener = vi.fn();
  identity.onChanged(listener);
  await Promise.all([identity.rotate(), identity.rotate()]);
  const next = identity.last!;
  expect(next.pin).not.toBe(old.pin);
  expect(registry.requests).toEqual(['/v1/enroll', '/v1/enroll']);
  expect(registry.keys.get(next.pin)).toBe('/shop/orders');
  expect(listener.mock.calls).toEqual([[next, old]]);
  const written = new IdentityFile(file, runtime).read();
  expect(written).toMatchObject({ credentials: next, next: undefined });
  expect(readFileSync(file, 'utf8')).not.toContain(old.key.split('\n')[1]);
});

test('a rotation keeps the algorithm of the key', async () => {
  const { registry, runtime } = world();
  const credentials = systemKeys.create('/shop/orders', 'ES256');
  registry.keys.set(credentials.pin, credentials.name);
  const place = { registry: ['https://127.0.0.1:4711'], registryKeys: [registry.credentials.pin] };
  const { path } = await fileOf(credentials, place);
  const identity = await openIdentityFrom(path, runtime);
  await identity.rotate();
  expect(identity.last).toMatchObject({ algorithm: 'ES256' });
});

test('a rotation of a key in memory changes the memory', async () => {
  const { registry, runtime } = world();
  const identity = await openIdentityFrom(enrolment(registry), runtime);
  const old = identity.last;
  await identity.rotate();
  expect(identity.last).not.toEqual(old);
  clock.advance(1_000);
  expect(await identity.current()).toBe(identity.last);
});

test('a rotation finds the present key of the registry among several', async () => {
  const { registry, runtime } = world();
  const registryKey = [other.pin, registry.credentials.pin];
  const identity = await openIdentityFrom(enrolment(registry, { registryKey }), runtime);
  const old = identity.last;
  await identity.rotate();
  expect(identity.last).not.toEqual(old);
});

test('a rotation that the registry refuses keeps the old key, and continues with the same new key', async () => {
  const { registry, runtime } = world();
  const file = newPath();
  const identity = await openIdentityFrom(enrolment(registry, { file }), runtime);
  const old = identity.last!;
  registry.isDown = true;
  await expect(identity.rotate()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  expect(identity.last).toEqual(old);
  const { next } = new IdentityFile(file, runtime).read();
  registry.isDown = false;
  await identity.rotate();
  expect(identity.last).toEqual(next);
});

test('a rotation that a crash has interrupted is finished when the file is opened, even after the old key ended', async () => {
  const { registry, runtime } = world();
  const file = newPath();
  const identity = await openIdentityFrom(enrolment(registry, { file }), runtime);
  const old = identity.last!;
  registry.loseNextResponse();
  registry.failAfterLoss = true;
  await expect(identity.rotate()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  registry.failAfterLoss = registry.isDown = false;
  registry.keys.delete(old.pin);
  const { next } = new IdentityFile(file, runtime).read();
  const restarted = await openIdentityFrom(file, runtime);
  expect(restarted.last).toEqual(next);
  expect(new IdentityFile(file, runtime).read().next).toBeUndefined();
  expect(warnings).toEqual([]);
});

test('an unfinished rotation does not prevent a start without the registry', async () => {
  const { registry, runtime } = world();
  const credentials = systemKeys.create('/shop/orders');
  const place = { registry: ['https://127.0.0.1:4711'], registryKeys: [registry.credentials.pin] };
  const { path } = await fileOf(credentials, { ...place, next: systemKeys.create('/shop/orders') });
  registry.isDown = true;
  const identity = await openIdentityFrom(path, runtime);
  expect(identity.last).toEqual(credentials);
  expect(warnings[0]).toMatch(/unfinished rotation/);
});

test('a rotation without a known registry says which options are missing', async () => {
  const { registry, runtime } = world();
  const credentials = systemKeys.create('/shop/orders');
  registry.keys.set(credentials.pin, credentials.name);
  const { path: file } = await fileOf(credentials);
  const identity = await openIdentityFrom(file, runtime);
  await expect(identity.rotate()).rejects.toThrow(/pass the options registry and registryKey/);
  const more = { registry: 'https://127.0.0.1:4711', registryKey: registry.credentials.pin };
  const placed = await openIdentityFrom({ file, ...more }, runtime);
  await placed.rotate();
  expect(placed.last).not.toEqual(credentials);
});

test('a listener that throws does not stop a rotation', async () => {
  const { registry, runtime } = world();
  const identity = await openIdentityFrom(enrolment(registry), runtime);
  const listener = vi.fn();
  identity.onChanged(() => {
    throw new Error('broken');
  });
  identity.onChanged(listener);
  await identity.rotate();
  expect(listener).toHaveBeenCalledTimes(1);
  expect(warnings[0]).toMatch(/broken/);
  identity.close();
  await identity.rotate();
  expect(listener).toHaveBeenCalledTimes(1);
});

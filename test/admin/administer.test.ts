/** `administer` at the bundled registry: each method, errors, aborts and close. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { administer, type RegistryAdmin } from 'binding-clerk/admin';
import { createClerk } from 'binding-clerk';
import { openIdentity } from 'binding-clerk/identity';
import { startServer } from 'binding-clerk/server';
import { expect, onTestFinished, test, vi } from 'vitest';
import { clerkErrorOf } from '../real/clerk-error-of.js';
import { securedRegistry } from '../server/secured-registry.js';
import { temporaryPath } from '../server/temporary-path.js';

async function openRegistry(options: Parameters<typeof startServer>[0] = {}) {
  const server = await startServer({ port: 0, ...options });
  onTestFinished(() => server.close());
  return { server, registry: await opened({ registry: server.url }) };
}

async function opened(options: Parameters<typeof administer>[0]): Promise<RegistryAdmin> {
  const registry = await administer(options);
  onTestFinished(() => registry.close());
  return registry;
}

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** A registry that receives a request and responds with `response`, or not at all. */
async function fakeServer(response?: object) {
  const received: string[] = [];
  const server = createServer((request, answer) => {
    received.push(`${String(request.method)} ${String(request.url)}`);
    request.resume();
    if (response !== undefined)
      answer.setHeader('content-type', 'application/json').end(JSON.stringify(response));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, received };
}

test('names are defined, linked, moved and removed', async () => {
  const { registry } = await openRegistry();
  const defined = await registry.define('/orders', { policy: 'load-aware', timeoutMs: 2_000 });
  expect(defined).toMatchObject({ appliesInMs: 0 });
  expect(await registry.resolve('/orders')).toMatchObject({ policy: 'load-aware', timeoutMs: 2_000 });
  await registry.move('/orders', '/shop/orders');
  await registry.link('/shop/checkout', '/shop/orders', { guaranteedMs: 0 });
  const { id } = await registry.directory('/docs');
  expect((await registry.directory('/docs')).id).toBe(id);
  const listed = (await allOf(registry.list('/**'))).flat().map(({ name, kind }) => `${name} ${kind}`);
  expect(listed).toEqual(['/docs directory', '/orders link', '/shop/checkout link', '/shop/orders service']);
  await registry.remove('/shop/checkout');
  expect(await clerkErrorOf(registry.resolve('/shop/checkout'))).toMatchObject({ code: 'NAME_NOT_FOUND' });
  expect(await registry.status()).toMatchObject({ services: 1, links: 1, degraded: false });
  expect(await registry.whois('http://127.0.0.1:9')).toEqual([]);
  expect(await allOf(registry.search('/**', { zone: 'a' }))).toEqual([[]]);
  expect(await clerkErrorOf(allOf(registry.search('/**', { glob: 'a' })))).toMatchObject({
    code: 'CONFIG_INVALID',
  });
});

test('a change before its time rejects with the time left, or is scheduled', async () => {
  const { server, registry } = await openRegistry();
  await registry.define('/shop/orders', { guaranteedMs: 60_000 });
  const clerk = createClerk({ registry: server.url });
  onTestFinished(() => clerk.destroy());
  await clerk.resolve('/shop/orders');
  const error = await clerkErrorOf(registry.define('/shop/orders', { policy: 'random' }));
  expect(error.code).toBe('CHANGE_TOO_EARLY');
  expect(error.remainingMs).toBeGreaterThan(50_000);
  const { appliesInMs } = await registry.define('/shop/orders', { policy: 'random', whenExpired: true });
  expect(appliesInMs).toBeGreaterThan(50_000);
});

test('definitions are exported and imported, as objects, as text and as bytes', async () => {
  const { registry } = await openRegistry();
  for (let i = 0; i < 5; i++) await registry.define(`/shop/s${String(i)}`, { policy: 'random' });
  const lines = await allOf(registry.export());
  expect(lines.map((line) => line.kind)).toEqual(Array(5).fill('service'));
  const text = lines.map((line) => JSON.stringify(line)).join('\n');
  for (const source of [lines, registry.export(), text, Buffer.from(text)]) {
    const { registry: copy } = await openRegistry();
    expect(await copy.import(source)).toMatchObject({ entries: 5 });
    expect((await allOf(copy.list('/shop/*'))).flat().length).toBe(5);
  }
  const error = await clerkErrorOf(registry.import([{ kind: 'service' } as never]));
  expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
  expect(await clerkErrorOf(registry.import(7 as never))).toMatchObject({ code: 'CONFIG_INVALID' });
});

test('an export that the program leaves ends its request', async () => {
  const { server, registry } = await openRegistry();
  const lines = Array.from({ length: 2_000 }, (_, i) => ({
    kind: 'service' as const,
    name: `/shop/s${String(i)}`,
    policy: 'load-aware',
  }));
  await registry.import(lines);
  for await (const line of registry.export()) {
    expect(line.kind).toBe('service');
    break;
  }
  await registry.close();
  // The server would wait for a connection in use.
  await server.close();
});

test('more lines than one import takes are imported in parts, and an error states what is imported', async () => {
  const { registry } = await openRegistry();
  const lines = Array.from({ length: 2_001 }, (_, i) => ({
    kind: 'service' as const,
    name: `/shop/s${String(i)}`,
  }));
  expect(await registry.import(lines)).toMatchObject({ entries: 2_001 });
  const error = await clerkErrorOf(
    registry.import([...lines.slice(0, 2_000), { kind: 'service', name: 'x' }]),
  );
  expect(error.code).toBe('NAME_INVALID');
  expect(error.message).toContain('The lines before line 2001 were imported');
});

test('a service is started, stopped and reset as the launcher allows', async () => {
  const { registry } = await openRegistry();
  await registry.define('/shop/reports');
  for (const start of [registry.launch('/shop/reports', { waitMs: 100 }), registry.reset('/shop/reports')])
    expect(await clerkErrorOf(start)).toMatchObject({ code: 'FORBIDDEN' });
  expect(await clerkErrorOf(registry.stop('/shop/reports'))).toMatchObject({ code: 'FORBIDDEN' });
});

test('the audit log is read in pages and followed until an abort', async () => {
  const { registry } = await openRegistry({ data: temporaryPath('registry'), audit: true });
  for (let i = 0; i < 3; i++) await registry.define(`/shop/s${String(i)}`);
  const changes = (await allOf(registry.audit({ name: '/shop' }))).filter(({ kind }) => kind === 'change');
  expect(changes.map(({ operation, names }) => [operation, names])).toEqual([
    ['define', ['/shop/s0']],
    ['define', ['/shop/s1']],
    ['define', ['/shop/s2']],
  ]);
  const [, second] = changes;
  const later = await allOf(registry.audit({ name: '/shop', after: second?.seq ?? 0 }));
  expect(later.map(({ names }) => names)).toEqual([['/shop/s2']]);
  const controller = new AbortController();
  const seen: unknown[] = [];
  const following = (async () => {
    const options = { name: '/shop', follow: true, since: new Date(0), signal: controller.signal };
    for await (const { names } of registry.audit(options)) seen.push(names?.[0]);
  })();
  await vi.waitFor(() => expect(seen.length).toBe(3), { timeout: 20_000 });
  await registry.define('/shop/s3');
  await vi.waitFor(() => expect(seen).toContain('/shop/s3'), { timeout: 20_000 });
  controller.abort();
  expect(await clerkErrorOf(following)).toMatchObject({ code: 'ABORTED' });
});

test('rights, groups and keys of a secured registry are managed', async () => {
  const { server, initialized } = await securedRegistry();
  const registry = await opened({ registry: server.url, identity: initialized.operator });
  await registry.groups.set('/shop/staff', ['/shop/web', '/shop/billing']);
  expect(await allOf(registry.groups.list('/shop/*'))).toEqual([
    { name: '/shop/staff', members: ['/shop/web', '/shop/billing'] },
  ]);
  await registry.access.allow('/shop/staff', '/shop/orders', ['call', 'read']);
  expect(await registry.access.list('/shop')).toContainEqual(
    expect.objectContaining({ principal: '/shop/staff', path: '/shop/orders' }),
  );
  const explained = await registry.access.explain('/shop/web', '/shop/orders', 'call');
  expect(explained).toMatchObject({ allowed: true, groups: ['/shop/staff'] });
  await registry.access.remove('/shop/staff', '/shop/orders');
  expect((await registry.access.explain('/shop/web', '/shop/orders', 'call')).allowed).toBe(false);
  const { token } = await registry.identities.createToken('/shop/web', { ttlMs: 60_000 });
  expect(token).toMatch(/^clerk_token_/);
  const [own] = await registry.identities.list();
  expect(own).toMatchObject({ by: 'init' });
  expect(await clerkErrorOf(registry.identities.revoke('/shop/web'))).toMatchObject({
    code: 'NAME_NOT_FOUND',
  });
});

test('without an address, those of the identity apply', async () => {
  const { server, initialized } = await securedRegistry();
  const { registryKey, operator } = initialized;
  const administered = await opened({ registry: server.url, identity: operator });
  const { token } = await administered.identities.createToken('/shop/ops');
  await administered.access.allow('/shop/ops', '/shop/**', ['write']);
  const identity = await openIdentity({ name: '/shop/ops', token, registry: server.url, registryKey });
  onTestFinished(() => identity.close());
  const registry = await opened({ identity });
  expect(await registry.define('/shop/orders')).toMatchObject({ appliesInMs: 0 });
  const other = await opened({ registry: server.url, identity, registryKey: `sha256/${'A'.repeat(43)}` });
  expect(await clerkErrorOf(other.status())).toMatchObject({ code: 'ENDPOINT_UNPROVEN' });
});

test('an abort before a change is sent has no effect; an abort after that may have one', async () => {
  const { url, received } = await fakeServer();
  const registry = await opened({ registry: url });
  const controller = new AbortController();
  const { signal } = controller;
  const pending = [
    registry.define('/shop/orders', { signal }),
    registry.import([{ kind: 'service', name: '/shop/orders' }], { signal }),
    registry.status({ signal }),
  ].map((request) => clerkErrorOf(request));
  await vi.waitFor(() => expect(received.length).toBe(3), { timeout: 20_000 });
  controller.abort('changed my mind');
  const [define, imported, status] = await Promise.all(pending);
  expect(define).toMatchObject({ code: 'ABORTED', execution: 'unknown', cause: 'changed my mind' });
  expect(define?.message).toContain('the registry may have made the change');
  expect(imported).toMatchObject({ code: 'ABORTED', execution: 'unknown' });
  expect(status).toMatchObject({ code: 'ABORTED', execution: 'none' });
  const early = await clerkErrorOf(registry.define('/shop/orders', { signal }));
  expect(early).toMatchObject({ code: 'ABORTED', execution: 'none' });
  expect(received.length).toBe(3);
});

test('a registry that does not respond is REGISTRY_UNREACHABLE, and a sent change may have been made', async () => {
  const { url } = await fakeServer();
  const registry = await opened({ registry: url, timeoutMs: 300 });
  const status = await clerkErrorOf(registry.status());
  expect(status).toMatchObject({ code: 'REGISTRY_UNREACHABLE', execution: 'none' });
  expect(await clerkErrorOf(registry.move('/a', '/b'))).toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    execution: 'unknown',
  });
});

test('a change goes to the next server only if no earlier one can have received it', async () => {
  const stopped = await startServer({ port: 0 });
  await stopped.close();
  const { server, registry: direct } = await openRegistry();
  const registry = await opened({ registry: [stopped.url, server.url] });
  await registry.define('/shop/orders');
  expect((await direct.resolve('/shop/orders')).kind).toBe('service');
  const silent = await fakeServer();
  const doubtful = await opened({ registry: [silent.url, server.url], timeoutMs: 300 });
  expect(await clerkErrorOf(doubtful.define('/shop/stock'))).toMatchObject({ execution: 'unknown' });
  expect(await clerkErrorOf(direct.resolve('/shop/stock'))).toMatchObject({ code: 'NAME_NOT_FOUND' });
});

test('a response of another shape is REGISTRY_INVALID', async () => {
  const { url } = await fakeServer({ revision: 7 });
  const registry = await opened({ registry: url });
  const error = await clerkErrorOf(registry.link('/a', '/b'));
  expect(error.code).toBe('REGISTRY_INVALID');
  expect(error.message).toContain('revision must be a string');
});

test('after close, requests reject with CLERK_CLOSED, and a second close has no effect', async () => {
  const { registry } = await openRegistry();
  await registry.close();
  await registry[Symbol.asyncDispose]();
  expect(await clerkErrorOf(registry.define('/shop/orders'))).toMatchObject({ code: 'CLERK_CLOSED' });
  expect(await clerkErrorOf(allOf(registry.export()))).toMatchObject({ code: 'CLERK_CLOSED' });
});

test('invalid options are CONFIG_INVALID, without a request', async () => {
  const { url, received } = await fakeServer();
  for (const options of [{ registry: 'etcd://a' }, { url }, { registry: url, timeoutMs: 0 }, 7])
    expect(await clerkErrorOf(administer(options as object))).toMatchObject({ code: 'CONFIG_INVALID' });
  const registry = await opened({ registry: url });
  for (const request of [
    registry.status({ wait: true } as object),
    registry.define('/a', 7 as never),
    registry.status({ signal: 7 as never }),
    allOf(registry.audit({ sinc: 'x' } as object)),
  ])
    expect(await clerkErrorOf(request)).toMatchObject({ code: 'CONFIG_INVALID' });
  expect(received).toEqual([]);
});

test('a misspelt setting is refused by the registry', async () => {
  const { registry } = await openRegistry();
  const error = await clerkErrorOf(registry.define('/shop/orders', { polcy: 'random' } as object));
  expect(error.code).toBe('CONFIG_INVALID');
  expect(error.message).toContain('polcy');
});

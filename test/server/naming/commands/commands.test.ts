import { expect, test } from 'vitest';
import type { ClerkError } from '../../../../src/core/errors.js';
import { launchProof } from '../../../../src/protocol/launch-proof.js';
import { limits } from '../../../../src/protocol/limits.js';
import {
  codeOf,
  ControllableStore,
  registration,
  localCaller,
  thrownBy,
  nameServerHarness,
} from '../name-server-harness.js';

test('of two registrations of one instance the newer stands, and the older one learns it', async () => {
  const { names } = await nameServerHarness();
  const first = await names.register(registration('/a', 'i'), localCaller);
  const second = await names.register(registration('/a', 'i'), localCaller);
  expect([first.epoch, second.epoch]).toEqual([1, 2]);
  expect(await codeOf(names.register(registration('/a', 'i', { epoch: 1 }), localCaller))).toBe('FORBIDDEN');
  expect(await codeOf(names.withdraw({ name: '/a', id: 'i', epoch: 1, now: true }))).toBe('FORBIDDEN');
  const renewals = [1, 2, 3].map((epoch) => ({ name: '/a', id: 'i', epoch }));
  expect(names.renew({ renewals }).results).toEqual(['fenced', 'renewed', 'lost']);
  expect(names.resolve('/a').endpoints).toMatchObject([{ id: 'i', epoch: 2 }]);
});

test('what withdrew does not come back under the same number, not even after a restart', async () => {
  const made = await nameServerHarness();
  await made.names.register(registration('/a', 'i'), localCaller);
  await made.names.withdraw({ name: '/a', id: 'i', epoch: 1, now: true });
  for (let round = 0; round < 2; round++) {
    expect(await codeOf(made.names.register(registration('/a', 'i', { epoch: 1 }), localCaller))).toBe(
      'FORBIDDEN',
    );
    expect(made.names.renew({ renewals: [{ name: '/a', id: 'i', epoch: 1 }] }).results).toEqual(['fenced']);
    expect(await codeOf(made.names.withdraw({ name: '/a', id: 'i', epoch: 1 }))).toBe('done');
    await made.restart();
  }
  expect((await made.names.register(registration('/a', 'i'), localCaller)).epoch).toBe(2);
});

test('a draining endpoint does not come back under the same number either', async () => {
  const { names } = await nameServerHarness();
  await names.register(registration('/a', 'i'), localCaller);
  await names.withdraw({ name: '/a', id: 'i', epoch: 1 });
  expect(await codeOf(names.register(registration('/a', 'i', { epoch: 1 }), localCaller))).toBe('FORBIDDEN');
  expect((await names.register(registration('/a', 'i'), localCaller)).epoch).toBe(2);
  expect(names.resolve('/a').endpoints).toMatchObject([{ id: 'i', epoch: 2, state: 'up' }]);
});

test('numbers of a name that was removed are never given again', async () => {
  const { names } = await nameServerHarness();
  for (const id of ['a', 'b', 'c']) await names.register(registration('/a', id), localCaller);
  await names.remove({ name: '/a', recursive: true });
  expect(await codeOf(names.register(registration('/a', 'b', { epoch: 2 }), localCaller))).toBe('FORBIDDEN');
  expect((await names.register(registration('/a', 'b'), localCaller)).epoch).toBe(4);
});

test('a name remembers a bounded number of instances, and turns away those that it forgot', async () => {
  const { names, store } = await nameServerHarness();
  for (let i = 0; i < 300; i++) {
    const { epoch } = await names.register(registration('/a', `i${i}`), localCaller);
    await names.withdraw({ name: '/a', id: `i${i}`, epoch, now: true });
  }
  expect([...store.records.keys()].filter((key) => key.startsWith('f ')).length).toBe(256);
  for (const [id, epoch] of [
    ['i0', 1],
    ['i299', 300],
  ] as const)
    expect(await codeOf(names.register(registration('/a', id, { epoch }), localCaller))).toBe('FORBIDDEN');
});

test('a store that cannot be written refuses everything that waits, and everything after', async () => {
  const { names, store } = await nameServerHarness();
  await names.define({ name: '/a' });
  store.failure = new Error('no space left');
  const refused = await Promise.all([names.define({ name: '/b' }), names.define({ name: '/c' })].map(codeOf));
  expect(refused).toEqual(['REGISTRY_UNREACHABLE', 'REGISTRY_UNREACHABLE']);
  store.failure = undefined;
  expect(await codeOf(names.define({ name: '/d' }))).toBe('REGISTRY_UNREACHABLE');
  expect(names.list('/**', undefined, 9).entries.map(({ name }) => name)).toEqual(['/a']);
  expect(names.status()).toMatchObject({ degraded: true, revision: '1' });
});

test('commands that come while a batch is written form the next one, and nothing is seen before it is durable', async () => {
  const { names, store } = await nameServerHarness();
  let open = (): void => {};
  store.writeGate = new Promise((resolve) => (open = resolve));
  const first = names.define({ name: '/a' });
  await Promise.resolve();
  await Promise.resolve();
  const next = Array.from({ length: 50 }, (_, i) => names.register(registration('/s', `i${i}`), localCaller));
  expect(names.status()).toMatchObject({ services: 0, revision: '0' });
  open();
  store.writeGate = undefined;
  await first;
  await Promise.all(next);
  expect(store.batches).toHaveLength(3);
  expect(names.status()).toMatchObject({ services: 2, endpoints: 50, revision: '51' });
  expect((await Promise.all(next)).map(({ epoch }) => epoch)).toEqual(
    Array.from({ length: 50 }, (_, i) => i + 1),
  );
});

test('closing finishes what is being written and refuses what waits', async () => {
  const { names, store } = await nameServerHarness();
  let open = (): void => {};
  store.writeGate = new Promise((resolve) => (open = resolve));
  const first = codeOf(names.define({ name: '/a' }));
  await Promise.resolve();
  await Promise.resolve();
  const second = codeOf(names.define({ name: '/b' }));
  const closed = names.close();
  expect(await codeOf(names.define({ name: '/c' }))).toBe('CLERK_CLOSED');
  open();
  await closed;
  expect([await first, await second]).toEqual(['done', 'CLERK_CLOSED']);
});

test('a ticket is worth one registration, by the instance and under the name it was made for', async () => {
  const made = await nameServerHarness();
  const { names, runtime } = made;
  await names.define({ name: '/a', launch: { manifest: 'orders' } });
  await names.define({ name: '/b' });
  const base = { name: '/a', manifest: 'orders', startedAt: 1 };
  const intent = { ...base, instance: 'i', ticketHash: runtime.sha256('secret'), registryKey: 'key' };
  const record = await names.launches.recordIntent(intent);
  expect(record).toMatchObject({ epoch: 1, state: 'intent', redeemed: false });
  const ask = (more: object) =>
    codeOf(names.register(registration('/a', 'i', { epoch: 1, ticket: 'secret', ...more }), localCaller));
  expect(await ask({ ticket: 'wrong' })).toBe('TICKET_REFUSED');
  expect(await ask({ id: 'j' })).toBe('TICKET_REFUSED');
  expect(await ask({ epoch: 2 })).toBe('TICKET_REFUSED');
  expect(await ask({ name: '/b' })).toBe('NAME_MISMATCH');
  expect(names.status().endpoints).toBe(0);
  const heard: unknown[] = [];
  names.onRegistered((...what) => heard.push(what));
  const { proof, epoch } = await names.register(
    registration('/a', 'i', { epoch: 1, ticket: 'secret' }),
    localCaller,
  );
  expect({ proof, epoch }).toEqual({ proof: launchProof(runtime, 'key', '/a', 1), epoch: 1 });
  expect(heard).toEqual([['/a', 'i', 1]]);
  expect(await ask({})).toBe('TICKET_REFUSED');
  // The launcher has not heard of it, and must not undo it.
  await names.launches.update({ ...record, state: 'running', pid: 7 });
  await made.restart();
  expect(made.names.launches.all()).toMatchObject([
    { pid: 7, state: 'running', redeemed: true, registryKey: '' },
  ]);
  await made.names.launches.remove('/a', 'i');
  expect(made.names.launches.all()).toEqual([]);
  expect(made.names.launchRule('/a')).toEqual({ canonical: '/a', rule: { manifest: 'orders' } });
});

test('limits hold at one less, at them, and at one more', async () => {
  const { names } = await nameServerHarness({ maxEndpoints: 3, maxRegistrations: 5 });
  for (const id of ['1', '2', '3']) await names.register(registration('/a', id), localCaller);
  expect(await codeOf(names.register(registration('/a', '4'), localCaller))).toBe('LIMIT_EXCEEDED');
  expect(await codeOf(names.register(registration('/a', '3'), localCaller))).toBe('done');
  for (const id of ['4', '5']) await names.register(registration('/b', id), localCaller);
  expect(await codeOf(names.register(registration('/b', '6'), localCaller))).toBe('LIMIT_EXCEEDED');
  expect(await codeOf(names.register(registration('/b', '6'), { principal: 'other' }))).toBe('done');
  expect(await codeOf(names.register(registration('/b', '6'), localCaller))).toBe('LIMIT_EXCEEDED');
  await names.withdraw({ name: '/b', id: '5', epoch: 2, now: true });
  expect(await codeOf(names.register(registration('/b', '6'), localCaller))).toBe('done');

  const lease = (leaseMs: number) =>
    codeOf(names.register(registration('/a', '1', { leaseMs }), localCaller));
  const { minLeaseMs, maxLeaseMs } = limits;
  for (const ms of [minLeaseMs, minLeaseMs + 1, maxLeaseMs - 1, maxLeaseMs])
    expect(await lease(ms)).toBe('done');
  for (const ms of [minLeaseMs - 1, maxLeaseMs + 1, 1_000.5, NaN, Infinity, -1, 1e308])
    expect(await lease(ms)).toBe('CONFIG_INVALID');
  const promise = (guaranteedMs: number) => codeOf(names.define({ name: '/p', guaranteedMs }));
  for (const ms of [0, 1, maxLeaseMs]) expect(await promise(ms)).toBe('done');
  for (const ms of [-1, maxLeaseMs + 1, 0.5]) expect(await promise(ms)).toBe('CONFIG_INVALID');

  const renewals = Array.from({ length: limits.maxBatch + 1 }, () => ({ name: '/a', id: '1', epoch: 1 }));
  expect(names.renew({ renewals: renewals.slice(1) }).results).toHaveLength(limits.maxBatch);
  expect(thrownBy(() => names.renew({ renewals }))).toMatchObject({ code: 'LIMIT_EXCEEDED' });

  const open = (count: number) =>
    thrownBy(() =>
      names.watch({
        id: 'w',
        globs: Array.from({ length: count }, (_, i) => `/g${i}`),
        since: undefined,
        onEvent: () => {},
      }),
    );
  expect(open(limits.maxGlobs)).toBeUndefined();
  expect(open(limits.maxGlobs + 1)).toMatchObject({ code: 'LIMIT_EXCEEDED' });
});

test('follows sixteen links and no more', async () => {
  const { names } = await nameServerHarness();
  await names.define({ name: '/l16' });
  for (let i = 15; i >= 0; i--) await names.link({ name: `/l${i}`, target: `/l${i + 1}` });
  expect(names.resolve('/l0')).toMatchObject({ canonical: '/l16', path: { length: 17 } });
  await names.link({ name: '/before', target: '/l0' });
  expect(thrownBy(() => names.resolve('/before'))).toMatchObject({ code: 'NAME_NOT_FOUND' });
});

test('an import is taken whole or not at all, and what is exported comes back the same', async () => {
  const { names } = await nameServerHarness();
  await names.define({
    name: '/a',
    policy: 'random',
    timeoutMs: 2_000,
    guaranteedMs: 0,
    launch: { manifest: 'm', params: { n: 1 } },
  });
  await names.link({ name: '/l', target: '/a' });
  const { id } = await names.directory({ name: '/d' });
  await names.register(registration('/implicit', 'i'), localCaller);
  const lines = [...names.exportLines()];
  expect(lines.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['service /a', 'directory /d', 'link /l']);
  const other = await nameServerHarness();
  const bad = [...lines, { kind: 'link', name: '/a', target: '/b' } as const];
  await expect(other.names.importLines(bad)).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining('Line 4'),
  });
  expect(other.names.status()).toMatchObject({ services: 0, links: 0 });
  expect(await other.names.importLines(lines)).toMatchObject({ entries: 3 });
  expect([...other.names.exportLines()]).toEqual(lines);
  expect(other.names.resolve(`/${id}`).canonical).toBe('/d');
  const { revision } = other.names.status();
  await other.names.importLines(lines);
  expect(other.names.status().revision).toBe(revision);
});

test('removing asks for what it takes', async () => {
  const warnings: string[] = [];
  const logger = { debug() {}, info() {}, warn: (text: string) => warnings.push(text), error() {} };
  const { names, runtime } = await nameServerHarness({ logger });
  await names.register(registration('/shop/orders', 'i'), localCaller);
  expect(await codeOf(names.remove({ name: '/nothing' }))).toBe('NAME_NOT_FOUND');
  expect(await codeOf(names.remove({ name: '/shop' }))).toBe('FORBIDDEN');
  expect(await codeOf(names.remove({ name: '/shop/orders' }))).toBe('FORBIDDEN');
  names.resolveJson('/shop/orders');
  await expect(names.remove({ name: '/shop', recursive: true })).rejects.toMatchObject({
    code: 'CHANGE_TOO_EARLY',
    remainingMs: 5_250,
  });
  expect((await names.remove({ name: '/shop', recursive: true, whenExpired: true })).appliesInMs).toBe(5_250);
  await expect(names.remove({ name: '/shop', recursive: true })).rejects.toMatchObject({
    code: 'CHANGE_TOO_EARLY',
  });
  await runtime.advance(5_000);
  expect(names.resolve('/shop/orders').guaranteedMs).toBe(0);
  await runtime.advance(250);
  expect(names.status().services).toBe(0);
  await names.define({ name: '/a' });
  names.resolveJson('/a');
  expect((await names.remove({ name: '/a', force: true })).appliesInMs).toBe(0);
  expect(warnings).toEqual(['The promise on /a was broken: it was removed by force']);
});

test('how long a call may take is a rule of the service: promised, kept over a restart, and taken back', async () => {
  const made = await nameServerHarness();
  await made.names.define({ name: '/a', timeoutMs: 2_000, guaranteedMs: 0 });
  await made.names.define({ name: '/a', policy: 'random' });
  await made.restart();
  expect(made.names.resolve('/a')).toMatchObject({ policy: 'random', timeoutMs: 2_000 });
  for (const timeoutMs of [0, -1, 1.5, Number.NaN, 604_800_001])
    await expect(made.names.define({ name: '/a', timeoutMs })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('timeout') as string,
    });
  await made.runtime.advance(60_000);
  await made.names.define({ name: '/a', timeoutMs: null, guaranteedMs: 5_000 });
  expect(made.names.resolve('/a')).not.toHaveProperty('timeoutMs');
  expect([...made.names.exportLines()]).toEqual([
    { kind: 'service', name: '/a', policy: 'random', guaranteedMs: 5_000, launch: null },
  ]);
  made.names.resolveJson('/a');
  expect(await codeOf(made.names.define({ name: '/a', timeoutMs: 1_000 }))).toBe('CHANGE_TOO_EARLY');
});

test('after a restart every promise counts as just given, and a frozen entry still changes', async () => {
  const made = await nameServerHarness();
  await made.names.define({ name: '/a', policy: 'random' });
  await made.names.define({ name: '/b' });
  await made.runtime.advance(60_000);
  await made.restart();
  await made.runtime.advance(1_000);
  await expect(made.names.remove({ name: '/b' })).rejects.toMatchObject({
    code: 'CHANGE_TOO_EARLY',
    remainingMs: 4_250,
  });
  await made.names.define({ name: '/a', policy: 'affinity', whenExpired: true });
  await made.runtime.advance(4_000);
  await made.restart();
  await made.runtime.advance(5_249);
  expect(made.names.resolve('/a').policy).toBe('random');
  await made.runtime.advance(1);
  expect(made.names.resolve('/a').policy).toBe('affinity');
});

test('knows whose address it is, whatever became of others that said it', async () => {
  const { names } = await nameServerHarness();
  const addresses = ['http://10.0.0.1:80', 'unix:/run/a.sock'];
  await names.register(registration('/a', 'i', { addresses }), localCaller);
  await names.register(registration('/b', 'j', { addresses: ['http://10.0.0.1:80/'] }), localCaller);
  const owners = () => names.whois('http://10.0.0.1:80').owners.map(({ name, id }) => `${name} ${id}`);
  expect(owners()).toEqual(['/a i', '/b j']);
  await names.move({ from: '/a', to: '/c' });
  expect(owners().sort()).toEqual(['/b j', '/c i']);
  await names.register(registration('/b', 'j', { addresses: ['http://10.0.0.2:80'] }), localCaller);
  expect(owners()).toEqual(['/c i']);
  await names.remove({ name: '/c', recursive: true });
  expect(owners()).toEqual([]);
});

test('searches by zone, host, version and attributes', async () => {
  const { names } = await nameServerHarness();
  await names.register(
    registration('/a', 'i', { zone: 'x', attributes: { tier: 'gold', zone: 'y' } }),
    localCaller,
  );
  await names.register(registration('/a', 'j', { zone: 'y', version: '1.0.0' }), localCaller);
  const found = (filter: Record<string, string>) =>
    names
      .search('/**', filter)
      .entries.flatMap(({ name, endpoints }) => endpoints.map(({ id }) => `${name} ${id}`));
  expect(found({ zone: 'y' })).toEqual(['/a j']);
  expect(found({ tier: 'gold' })).toEqual(['/a i']);
  expect(found({ tier: 'gold', zone: 'y' })).toEqual([]);
  expect(found({})).toEqual(['/a i', '/a j']);
});

test('a store of a later version, or with a damaged record, is not opened', async () => {
  const damage = async (key: string, value: string): Promise<string> => {
    const { names, store } = await nameServerHarness();
    await names.register(registration('/a', 'i'), localCaller);
    await names.close();
    store.records.set(key, value);
    return nameServerHarness({ store }).then(
      () => 'opened',
      (error: unknown) => `${(error as ClerkError).code}: ${(error as ClerkError).message}`,
    );
  };
  expect(await damage('m format', '2')).toMatch(
    /^REGISTRY_INVALID: The store was written by a later version/,
  );
  for (const key of ['e /a', 'p /a i', 'c /a', 'f /a j', 'l /a i', 'm revision', 'm floor', 'e //', 'x /a'])
    expect(await damage(key, '{"kind":"servi'), key).toMatch(
      `REGISTRY_INVALID: The record '${key}' of the store is damaged`,
    );
  expect(
    await damage('p /gone i', '{"by":"x","endpoint":{"id":"i","epoch":1,"leaseMs":1000,"addresses":[]}}'),
  ).toMatch("'e /gone'");
  expect(await damage('e /b', '{"kind":"link","target":"/a","guaranteedMs":0}')).toBe('opened');
  expect(ControllableStore.name).toBe('ListStore');
});

test('fencing numbers move with the service', async () => {
  const { names } = await nameServerHarness();
  await names.register(registration('/a', 'i'), localCaller);
  await names.withdraw({ name: '/a', id: 'i', epoch: 1, now: true });
  await names.move({ from: '/a', to: '/b' });
  for (const name of ['/a', '/b'])
    expect(await codeOf(names.register(registration(name, 'i', { epoch: 1 }), localCaller))).toBe(
      'FORBIDDEN',
    );
  expect((await names.register(registration('/a', 'i'), localCaller)).epoch).toBe(2);
});

test('quotas are right within one batch too', async () => {
  const { names } = await nameServerHarness({ maxRegistrations: 2 });
  const codes = ['i', 'i', 'j', 'j', 'k'].map((id) =>
    codeOf(names.register(registration('/a', id), localCaller)),
  );
  expect(await Promise.all(codes)).toEqual(['done', 'done', 'done', 'done', 'LIMIT_EXCEEDED']);
});

test('a frozen entry takes no second change, is not promised for longer, and is free again afterwards', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.define({ name: '/a', policy: 'random' });
  names.resolveJson('/a');
  await names.define({ name: '/a', policy: 'affinity', whenExpired: true });
  const second = names.define({ name: '/a', policy: 'round-robin', whenExpired: true });
  await expect(second).rejects.toMatchObject({ code: 'CHANGE_TOO_EARLY', remainingMs: 5_250 });
  expect(await codeOf(names.move({ from: '/a', to: '/b' }))).toBe('CHANGE_TOO_EARLY');
  await runtime.advance(5_200);
  names.resolveJson('/a');
  await runtime.advance(50);
  expect(await codeOf(names.define({ name: '/a', policy: 'round-robin' }))).toBe('done');
});

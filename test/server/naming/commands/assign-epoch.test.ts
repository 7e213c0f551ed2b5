import { expect, test } from 'vitest';
import type { RegisterRequest, WithdrawRequest } from '../../../../src/protocol/registration-messages.js';
import { openNameServer } from '../../../../src/server/naming/open-name-server.js';
import type { NameService } from '../../../../src/server/ports.js';
import {
  codeOf,
  ControllableStore,
  localCaller,
  recordWatch,
  testRuntime,
  thrownBy,
} from '../name-server-harness.js';

/** A name server whose clients must send their secrets themselves. */
async function open(store = new ControllableStore(), runtime = testRuntime()) {
  const names = await openNameServer(store, runtime, { version: '1.0.0' });
  const register = (more: Partial<RegisterRequest> = {}) =>
    names.register(
      { name: '/a', id: 'i', addresses: ['http://10.0.0.1:3001'], hostId: 'host-1', ...more },
      localCaller,
    );
  const withdraw = (more: Partial<WithdrawRequest>) =>
    names.withdraw({ name: '/a', id: 'i', epoch: 1, now: true, ...more }, localCaller);
  const renew = (epoch: number, secret?: string) =>
    names.renew({ renewals: [{ name: '/a', id: 'i', epoch, ...(secret !== undefined && { secret }) }] })
      .results[0];
  /** Renews the lease every third of its duration. */
  const live = async (ms: number, epoch: number, secret: string) => {
    for (let passed = 0; passed < ms; passed += 3_000) {
      await runtime.advance(3_000);
      expect(renew(epoch, secret)).toBe('renewed');
    }
  };
  return { names, store, runtime, register, withdraw, renew, live };
}

/** What a stranger can read: everything but the secret. */
const strangers = 'http://10.6.6.6:80';

const errorOf = async (promise: Promise<unknown>): Promise<any> =>
  promise.then(String, (error: unknown) => error);
const shown = (names: NameService) =>
  names.resolve('/a').endpoints.map(({ epoch, addresses }) => [epoch, ...addresses]);

test('a stranger with the id, the epoch and any secret does not take over a live instance', async () => {
  const { names, store, register, renew, live } = await open();
  const { epoch, secret } = await register();
  const stored = [...store.records];
  const revision = names.status().revision;
  for (const more of [{}, { epoch }, { epoch: epoch + 1 }, { epoch, secret: 'guess' }, { secret }]) {
    const error = await errorOf(register({ addresses: [strangers], ...more }));
    expect(error).toMatchObject({ code: 'FORBIDDEN' });
    expect(error.message).not.toContain(secret);
  }
  expect(await codeOf(register({ addresses: [strangers, 'http://10.0.0.1:3001'] }))).toBe('FORBIDDEN');
  expect([...store.records]).toEqual(stored);
  expect(names.status().revision).toBe(revision);
  expect(shown(names)).toEqual([[1, 'http://10.0.0.1:3001']]);
  expect(renew(epoch, secret)).toBe('renewed');
  await live(30_000, epoch, secret);
});

test('the error names the process that holds the instance, and the time after which it may be free', async () => {
  const { register, runtime } = await open();
  await register();
  await runtime.advance(1_000);
  const error = await errorOf(register({ addresses: [strangers] }));
  expect(error.message).toMatch(
    "Instance 'i' of /a is in use by the process at http://10.0.0.1:3001. Give each process its own id",
  );
  expect(error.remainingMs).toBeGreaterThan(5_600);
  expect(error.remainingMs).toBeLessThan(7_500);
});

test('the holder changes its addresses with its epoch and its secret, and keeps both', async () => {
  const { names, register, renew } = await open();
  const first = await register();
  const second = await register({
    epoch: first.epoch,
    secret: first.secret,
    addresses: ['http://10.0.0.9:1'],
  });
  expect(second).toMatchObject({ epoch: first.epoch, secret: first.secret });
  expect(shown(names)).toEqual([[1, 'http://10.0.0.9:1']]);
  expect(renew(first.epoch, first.secret)).toBe('renewed');
});

test('a process at the same addresses takes over at once, with a new epoch and a new secret', async () => {
  const { names, register, renew } = await open();
  const first = await register({ addresses: ['http://10.0.0.1:1', 'http://127.0.0.1:1'] });
  const second = await register({
    addresses: ['http://127.0.0.1:1', 'http://10.0.0.1:1'],
    hostId: 'rebooted',
  });
  expect(second.epoch).toBe(2);
  expect(second.secret).not.toBe(first.secret);
  expect(names.resolve('/a').endpoints).toHaveLength(1);
  expect(renew(2, second.secret)).toBe('renewed');
});

test('equal loopback addresses of two hosts are not the same addresses', async () => {
  const { register } = await open();
  for (const address of ['http://127.0.0.1:3000', 'unix:/run/orders.sock']) {
    const id = address.slice(0, 4);
    await register({ id, addresses: [address] });
    expect(await codeOf(register({ id, addresses: [address], hostId: 'host-2' }))).toBe('FORBIDDEN');
    expect(await codeOf(register({ id, addresses: [address], hostId: 'host-1' }))).toBe('done');
  }
});

test('a holder that lives takes its instance back from a process that claimed its addresses', async () => {
  const { names, runtime, register, renew, live } = await open();
  const holder = await register();
  const first = await register();
  const second = await register();
  expect([first.epoch, second.epoch]).toEqual([2, 3]);
  expect(renew(1, 'guess')).toBe('fenced');
  await runtime.advance(3_000);
  expect(renew(1, holder.secret)).toBe('lost');
  const back = await register({ epoch: 1, secret: holder.secret });
  expect(back.epoch).toBe(4);
  expect([first, second].map(({ epoch, secret }) => renew(epoch, secret))).toEqual(['fenced', 'fenced']);
  expect(await codeOf(register({ epoch: 3, secret: second.secret }))).toBe('FORBIDDEN');
  // The response may have been lost, so the holder may try again.
  expect((await register({ epoch: 1, secret: holder.secret })).epoch).toBe(5);
  expect(shown(names)).toEqual([[5, 'http://10.0.0.1:3001']]);
  const { epoch, secret } = await register({ epoch: 1, secret: holder.secret });
  await live(30_000, epoch, secret);
});

test.each([
  ['withdraws', { leaseMs: 10_000 }, true],
  ['lets its lease end', { leaseMs: 1_000 }, false],
])(
  'a stranger that claims the addresses and then %s does not fence the holder',
  async (_, more, withdraws) => {
    const { runtime, register, withdraw, renew } = await open();
    const holder = await register();
    const { epoch, secret } = await register(more);
    if (withdraws) await withdraw({ epoch, secret });
    await runtime.advance(3_500);
    expect(renew(1, holder.secret)).toBe('lost');
    expect((await register({ epoch: 1, secret: holder.secret })).epoch).toBe(3);
  },
);

test('a holder that was replaced at its addresses is fenced when its lease has ended', async () => {
  const { runtime, register, renew, live } = await open();
  const holder = await register();
  const next = await register();
  await live(12_000, next.epoch, next.secret);
  await runtime.advance(0);
  expect(renew(1, holder.secret)).toBe('fenced');
  expect(await codeOf(register({ epoch: 1, secret: holder.secret }))).toBe('FORBIDDEN');
});

test('a silent holder is replaced once its renewal is overdue, and is fenced', async () => {
  const { names, runtime, register, renew } = await open();
  const holder = await register();
  await runtime.advance(6_000);
  expect(await codeOf(register({ addresses: [strangers] }))).toBe('FORBIDDEN');
  await runtime.advance(2_300);
  const next = await register({ addresses: [strangers] });
  expect(next.epoch).toBe(2);
  expect(renew(1, holder.secret)).toBe('fenced');
  expect(await codeOf(register({ epoch: 1, secret: holder.secret }))).toBe('FORBIDDEN');
  expect(shown(names)).toEqual([[2, strangers]]);
});

test('reports of clients free an instance only when its holder has also missed a renewal', async () => {
  const { names, runtime, register, live } = await open();
  const { epoch, secret } = await register();
  const report = () => {
    const reports = [{ name: '/a', id: 'i', epoch, verdict: 'unreachable' as const }];
    names.report({ clerk: 'c', reports }, { principal: 'stranger' });
  };
  report();
  await runtime.advance(2_500);
  expect(names.isSuspect('/a', 'i')).toBe(true);
  expect(await codeOf(register({ addresses: [strangers] }))).toBe('FORBIDDEN');
  await live(3_000, epoch, secret);
  report();
  await runtime.advance(2_600);
  expect(names.isSuspect('/a', 'i')).toBe(true);
  expect(await codeOf(register({ addresses: [strangers] }))).toBe('FORBIDDEN');
  await runtime.advance(1_500);
  expect(await codeOf(register({ addresses: [strangers] }))).toBe('done');
});

test('the id of a draining instance may be used by another process', async () => {
  const { register, withdraw } = await open();
  const { epoch, secret } = await register();
  await withdraw({ epoch, secret, now: false });
  expect((await register({ addresses: [strangers] })).epoch).toBe(2);
});

test('an ended instance returns with its epoch only if it has the secret', async () => {
  const { runtime, register } = await open();
  const { epoch, secret } = await register();
  await runtime.advance(20_000);
  const error = await errorOf(register({ epoch, secret: 'guess' }));
  expect(error).toMatchObject({ code: 'FORBIDDEN', remainingMs: 0 });
  expect(await register({ epoch, secret, addresses: ['http://10.0.0.9:1'] })).toMatchObject({
    epoch,
    secret,
  });
});

test('an id and an epoch without the secret neither renew nor withdraw, and change nothing', async () => {
  const { names, runtime, register, withdraw, renew } = await open();
  const { epoch, secret } = await register();
  await runtime.advance(5_000);
  expect(thrownBy(() => renew(epoch))).toMatchObject({ code: 'FORBIDDEN' });
  const load = { utilization: 0.99, callsPerSecond: 1, errorsPerSecond: 1 };
  const renewal = { name: '/a', id: 'i', epoch, secret: 'guess', load, claimsHealthy: true };
  expect(names.renew({ renewals: [renewal] }).results).toEqual(['fenced']);
  expect(names.resolve('/a').endpoints[0]).not.toHaveProperty('load');
  for (const more of [{}, { secret: 'guess' }, { now: false }, { now: false, secret: 'guess' }])
    expect(await codeOf(withdraw({ epoch, ...more }))).toBe('FORBIDDEN');
  expect(names.resolve('/a').endpoints).toMatchObject([{ epoch, state: 'up' }]);
  // The false renewals have not extended the lease.
  await runtime.advance(11_000);
  expect(names.resolve('/a').endpoints).toEqual([]);
  expect(await codeOf(withdraw({ epoch, secret: 'guess' }))).toBe('FORBIDDEN');
  expect(await codeOf(withdraw({ epoch, secret }))).toBe('done');
  expect(await codeOf(register({ epoch, secret }))).toBe('FORBIDDEN');
});

test('one renewal without a secret renews no lease of its request', async () => {
  const { names, runtime, register } = await open();
  const { secret } = await register();
  await register({ id: 'j' });
  await runtime.advance(5_000);
  const renewals = [
    { name: '/a', id: 'i', epoch: 1, secret },
    { name: '/a', id: 'j', epoch: 2 },
  ];
  expect(thrownBy(() => names.renew({ renewals }))).toMatchObject({ code: 'FORBIDDEN' });
  await runtime.advance(9_000);
  expect(names.resolve('/a').endpoints).toEqual([]);
});

test('an epoch is given and never taken: a request cannot push the counter of a name', async () => {
  const { names, register, withdraw } = await open();
  for (const epoch of [1, 1_000, 2 ** 50, Number.MAX_SAFE_INTEGER])
    expect(await errorOf(register({ epoch, secret: 'any' }))).toMatchObject({
      code: 'FORBIDDEN',
      remainingMs: 0,
    });
  for (const epoch of [0, -1, 1.5, NaN, 2 ** 60])
    expect(await codeOf(register({ epoch }))).toBe('CONFIG_INVALID');
  await withdraw({ id: 'j', epoch: 2 ** 50 });
  const { epoch, secret } = await register();
  expect(epoch).toBe(1);
  expect(await codeOf(register({ epoch: 2 ** 50, secret }))).toBe('FORBIDDEN');
  await names.remove({ name: '/a', recursive: true, force: true });
  // The registry has forgotten the instance. Its process registers again without an epoch.
  expect(await errorOf(register({ epoch, secret }))).toMatchObject({ code: 'FORBIDDEN', remainingMs: 0 });
  expect((await register()).epoch).toBe(2);
  expect((await register({ name: '/b' })).epoch).toBe(2);
  await names.define({ name: '/c', launch: { manifest: 'm' } });
  const intent = {
    name: '/c',
    manifest: 'm',
    instance: 'x',
    ticketHash: 'h',
    registryKey: 'k',
    startedAt: 1,
  };
  expect((await names.launches.recordIntent(intent)).epoch).toBe(2);
});

test('a launch ticket replaces a live instance', async () => {
  const { names, runtime, register, renew } = await open();
  const holder = await register();
  await names.define({ name: '/a', launch: { manifest: 'm' } });
  const intent = { name: '/a', manifest: 'm', instance: 'i', startedAt: 1, registryKey: 'k' };
  const { epoch } = await names.launches.recordIntent({ ...intent, ticketHash: runtime.sha256('ticket') });
  expect(await codeOf(register({ addresses: [strangers], epoch }))).toBe('FORBIDDEN');
  expect(await codeOf(register({ addresses: [strangers], epoch, ticket: 'ticket' }))).toBe('done');
  expect(renew(1, holder.secret)).toBe('fenced');
});

test('the secret is stored as a digest, is shown nowhere, and survives a restart and a move', async () => {
  const { names, store, register, runtime } = await open();
  const watch = recordWatch(names, ['/**']);
  const { epoch, secret } = await register({ leaseMs: 60_000 });
  await names.withdraw({ name: '/a', id: 'i', epoch });
  const { secret: next } = await register();
  await runtime.advance(1);
  const outputs = {
    shown: names.resolve('/a'),
    found: names.search('/**', {}),
    listed: names.list('/**', undefined, 10),
    exported: [...names.exportLines()],
    whois: names.whois('http://10.0.0.1:3001'),
    events: watch.received,
  };
  for (const hidden of [secret, next, runtime.sha256(secret), runtime.sha256(next), 'secret'])
    expect(JSON.stringify(outputs)).not.toContain(hidden);
  expect(JSON.stringify([...store.records])).not.toContain(next);
  expect(store.records.get('p /a i')).toContain(runtime.sha256(next));
  await names.move({ from: '/a', to: '/b' });
  await names.close();
  const reopened = await open(store, runtime);
  const renewal = { name: '/a', id: 'i', epoch: 2 };
  const renewWith = (given: string) =>
    reopened.names.renew({ renewals: [{ ...renewal, secret: given }] }).results[0];
  expect([renewWith(secret), renewWith(next)]).toEqual(['fenced', 'renewed']);
  expect(await codeOf(reopened.register({ addresses: [strangers] }))).toBe('FORBIDDEN');
});

test('a stored registration without a secret is renewed without one, and gets one when it registers again', async () => {
  const { names, store, register, runtime } = await open();
  await register();
  await names.close();
  const { secretHash: _, ...old } = JSON.parse(store.records.get('p /a i') ?? '');
  store.records.set('p /a i', JSON.stringify(old));
  const reopened = await open(store, runtime);
  expect(reopened.renew(1)).toBe('renewed');
  const { secret } = await reopened.register({ epoch: 1 });
  expect(secret).not.toBe('');
  expect(thrownBy(() => reopened.renew(1))).toMatchObject({ code: 'FORBIDDEN' });
  expect(reopened.renew(1, secret)).toBe('renewed');
});

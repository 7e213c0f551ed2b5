import { expect, test } from 'vitest';
import type { Caller } from '../../../../src/server/ports.js';
import { codeOf, localCaller, nameServerHarness, registration, thrownBy } from '../name-server-harness.js';
import { operator, pin, securedHarness } from './identity-harness.js';

test('A13: no other principal takes over an instance, not even with the secret', async () => {
  const { names, enrol, allow, runtime } = await securedHarness();
  const owner = await enrol('/shop/orders', pin(1));
  const rogue = await enrol('/shop/rogue', pin(2));
  await names.register(registration('/shop/orders', 'i'), owner);
  const attempts = (): Promise<unknown>[] => [
    names.register(registration('/shop/orders', 'i'), rogue),
    names.register(registration('/shop/orders', 'i', { epoch: 1 }), rogue),
    names.withdraw({ name: '/shop/orders', id: 'i', epoch: 1, now: true }, rogue),
  ];
  const renew = (caller: Caller) =>
    thrownBy(() => names.renew({ renewals: [{ name: '/shop/orders', id: 'i', epoch: 1 }] }, caller))?.code;
  for (const attempt of attempts()) expect(await codeOf(attempt)).toBe('FORBIDDEN');
  expect(renew(rogue)).toBe('FORBIDDEN');
  // With the right to advertise, the rogue registers instances of its own, and still cannot take this one.
  await allow('/shop/rogue', '/shop/orders', 'advertise');
  for (const attempt of attempts()) expect(await codeOf(attempt)).toBe('FORBIDDEN');
  expect(renew(rogue)).toBe('FORBIDDEN');
  expect(await codeOf(names.register(registration('/shop/orders', 'j'), rogue))).toBe('done');
  expect(names.resolve('/shop/orders').endpoints.map(({ id, key }) => [id, key])).toEqual([
    ['i', pin(1)],
    ['j', pin(2)],
  ]);
  expect(renew(owner)).toBeUndefined();
  // After the end of the instance, its id is free.
  await runtime.advance(30_000);
  expect(await codeOf(names.register(registration('/shop/orders', 'i'), rogue))).toBe('done');
});

test('a principal advertises its own name, and no other without the right', async () => {
  const { names, enrol, allow } = await securedHarness();
  const orders = await enrol('/shop/orders', pin(1));
  const register = (name: string) => codeOf(names.register(registration(name, 'i'), orders));
  expect(await register('/shop/orders')).toBe('done');
  expect(await register('/shop/billing')).toBe('FORBIDDEN');
  expect(await register('/shop')).toBe('FORBIDDEN');
  // A link to the name of another principal gives no right on that name.
  await names.link({ name: '/alias', target: '/shop/billing' }, operator);
  await allow('/shop/orders', '/alias', 'advertise');
  expect(await register('/alias')).toBe('FORBIDDEN');
  await allow('/shop/orders', '/shop/billing', 'advertise');
  expect(await register('/alias')).toBe('done');
  expect(await codeOf(names.register(registration('/x', 'i'), localCaller))).toBe('FORBIDDEN');
});

test('all keys of a principal share its instances and its quota', async () => {
  const { names, enrol } = await securedHarness({ maxRegistrations: 2 });
  const first = await enrol('/a', pin(1));
  const second = await enrol('/a', pin(2));
  const other = await enrol('/b', pin(3));
  await names.register(registration('/a', 'i'), first);
  expect(await codeOf(names.register(registration('/a', 'i', { epoch: 1 }), second))).toBe('done');
  expect(names.renew({ renewals: [{ name: '/a', id: 'i', epoch: 1 }] }, first).results).toEqual(['renewed']);
  expect(await codeOf(names.register(registration('/a', 'j'), second))).toBe('done');
  expect(await codeOf(names.register(registration('/a', 'k'), first))).toBe('LIMIT_EXCEEDED');
  expect(await codeOf(names.register(registration('/b', 'i'), other))).toBe('done');
});

test('an instance from before the registry was secured passes to its principal', async () => {
  const { names } = await nameServerHarness();
  await names.register(registration('/a', 'i'), localCaller);
  await names.identities.enrolOperator('/operator', pin(0));
  const { token } = await names.identities.issueToken({ principal: '/a' }, operator);
  await names.identities.enrol({ name: '/a', token }, pin(1));
  expect(await codeOf(names.register(registration('/a', 'i', { epoch: 1 }), localCaller))).toBe('FORBIDDEN');
  const service = { principal: '/a', pin: pin(1) };
  expect(await codeOf(names.register(registration('/a', 'i', { epoch: 1 }), service))).toBe('done');
  expect(names.resolve('/a').endpoints).toMatchObject([{ id: 'i', key: pin(1) }]);
});

test('a renewal of a stranger does not show whether the instance exists', async () => {
  const { names, enrol } = await securedHarness();
  const owner = await enrol('/a', pin(1));
  const stranger = await enrol('/b', pin(2));
  await names.register(registration('/a', 'i'), owner);
  const message = (name: string, id: string) => {
    const error = thrownBy(() => names.renew({ renewals: [{ name, id, epoch: 1 }] }, stranger));
    return [error.code, error.message.replace(`'${id}'`, 'X').replaceAll(name, '/n')];
  };
  expect(message('/a', 'i')).toEqual(message('/absent', 'i'));
  expect(message('/a', 'i')).toEqual(message('/a', 'other'));
});

test('the key of a launched instance is for this instance alone', async () => {
  const harness = await securedHarness();
  const { names, identities, runtime, allow } = harness;
  await names.define({ name: '/a', launch: { manifest: 'm' } }, operator);
  const intent = (instance: string) => ({
    ...{ name: '/a', manifest: 'm', instance, startedAt: 1, registryKey: 'proof' },
    ticketHash: runtime.sha256(`ticket of ${instance}`),
  });
  const { epoch } = await names.launches.recordIntent(intent('i'));
  await names.launches.recordIntent(intent('j'));
  const request = { name: '/a', instance: 'i', epoch, ticket: 'ticket of i' };
  const enrol = (more: object, key: number) => codeOf(identities.enrol({ ...request, ...more }, pin(key)));
  expect(await enrol({ ticket: 'ticket of j' }, 1)).toBe('TICKET_REFUSED');
  expect(await enrol({ epoch: epoch + 1 }, 1)).toBe('TICKET_REFUSED');
  expect(await enrol({ name: '/b' }, 1)).toBe('TICKET_REFUSED');
  expect(await enrol({}, 0)).toBe('TICKET_REFUSED');
  expect(await enrol({}, 1)).toBe('done');
  expect(await enrol({}, 1)).toBe('done');
  expect(await enrol({}, 2)).toBe('TICKET_REFUSED');
  await harness.restart();
  const owner = harness.identities.ownerOf(pin(1));
  expect(owner).toEqual({ principal: '/a', instance: { id: 'i', epoch } });
  const caller: Caller = { ...(owner as NonNullable<typeof owner>), pin: pin(1) };
  // The rights of the principal count for calls only.
  await allow('/a', '/**', 'call', 'write', 'advertise', 'launch', 'admin');
  const has = (name: string, right: 'call' | 'write' | 'advertise' | 'launch' | 'admin') =>
    harness.identities.access(caller, name, right) !== undefined;
  expect(has('/b', 'call')).toBe(true);
  expect([has('/b', 'advertise'), has('/a', 'write'), has('/a', 'launch'), has('/a', 'admin')]).toEqual(
    Array.from({ length: 4 }, () => false),
  );
  expect(has('/a', 'advertise')).toBe(true);
  const register = (id: string, by: Caller, more: object = {}) =>
    codeOf(harness.names.register(registration('/a', id, { epoch, ...more }), by));
  const ticket = 'ticket of i';
  expect(await register('j', caller)).toBe('FORBIDDEN');
  expect(await register('i', caller, { epoch: epoch + 1 })).toBe('FORBIDDEN');
  const plain = await harness.enrol('/a', pin(5));
  expect(await register('i', plain, { ticket })).toBe('TICKET_REFUSED');
  expect(await register('i', caller, { ticket })).toBe('done');
  expect(harness.names.resolve('/a').endpoints).toMatchObject([{ id: 'i', epoch, key: pin(1) }]);
  // The launcher still has the record without the key.
  const stale = harness.names.launches.all().find(({ instance }) => instance === 'i');
  const { key: _, ...record } = stale as NonNullable<typeof stale>;
  await harness.names.launches.update({ ...record, state: 'running', pid: 7 });
  expect(harness.identities.ownerOf(pin(1))).toBeDefined();
  await harness.names.launches.remove('/a', 'i');
  expect(harness.identities.ownerOf(pin(1))).toBeUndefined();
});

test('a revoked key of a launched instance ends, and its ticket enrols no other key', async () => {
  const { names, identities, runtime } = await securedHarness();
  await names.define({ name: '/a', launch: { manifest: 'm' } }, operator);
  const { epoch } = await names.launches.recordIntent({
    ...{ name: '/a', manifest: 'm', instance: 'i', startedAt: 1, registryKey: 'proof' },
    ticketHash: runtime.sha256('t'),
  });
  const request = { name: '/a', instance: 'i', epoch, ticket: 't' };
  await identities.enrol(request, pin(1));
  expect(identities.listIdentities('/a', operator)).toMatchObject([
    { key: pin(1), by: 'launch', instance: { id: 'i', epoch } },
  ]);
  expect(await identities.revoke({ principal: '/a', key: pin(1) }, operator)).toMatchObject({
    revoked: [pin(1)],
  });
  expect(identities.ownerOf(pin(1))).toBeUndefined();
  expect(await codeOf(identities.enrol(request, pin(2)))).toBe('TICKET_REFUSED');
});

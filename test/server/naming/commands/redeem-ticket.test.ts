import { expect, test } from 'vitest';
import { launchProof } from '../../../../src/protocol/launch-proof.js';
import { codeOf, localCaller, nameServerHarness, registration } from '../name-server-harness.js';

test('a ticket is valid for one registration, of the instance and the name it was issued for', async () => {
  const harness = await nameServerHarness();
  const { names, runtime } = harness;
  await names.define({ name: '/a', launch: { manifest: 'orders' } });
  await names.define({ name: '/b' });
  const base = { name: '/a', manifest: 'orders', startedAt: 1 };
  const replaces = [{ id: 'dead', epoch: 7 }];
  const tickets = { ticketHash: runtime.sha256('secret'), registryKey: 'key' };
  const intent = { ...base, instance: 'i', ...tickets, replaces };
  const record = await names.launches.recordIntent(intent);
  expect(record).toMatchObject({ epoch: 1, state: 'intent', redeemed: false });
  const codeWith = (more: object) =>
    codeOf(names.register(registration('/a', 'i', { epoch: 1, ticket: 'secret', ...more }), localCaller));
  expect(await codeWith({ ticket: 'wrong' })).toBe('TICKET_REFUSED');
  expect(await codeWith({ id: 'j' })).toBe('TICKET_REFUSED');
  expect(await codeWith({ epoch: 2 })).toBe('TICKET_REFUSED');
  expect(await codeWith({ name: '/b' })).toBe('NAME_MISMATCH');
  expect(names.status().endpoints).toBe(0);
  const notified: unknown[] = [];
  names.onRegistered((...what) => notified.push(what));
  const place = { addresses: ['http://127.0.0.1:3001'], hostId: 'boot/7' };
  const { proof, epoch } = await names.register(
    registration('/a', 'i', { epoch: 1, ticket: 'secret', ...place }),
    localCaller,
  );
  expect({ proof, epoch }).toEqual({ proof: launchProof(runtime, 'key', '/a', 1), epoch: 1 });
  expect(notified).toEqual([['/a', 'i', 1]]);
  expect(await codeWith({})).toBe('TICKET_REFUSED');
  // The launcher still has the old record; its update must not undo the redemption.
  await names.launches.update({ ...record, state: 'running', pid: 7 });
  await harness.restart();
  expect(harness.names.launches.all()).toMatchObject([
    { pid: 7, state: 'running', redeemed: true, registryKey: '', ...place, replaces },
  ]);
  await harness.names.launches.remove('/a', 'i');
  expect(harness.names.launches.all()).toEqual([]);
  expect(harness.names.launchRule('/a')).toEqual({ canonical: '/a', rule: { manifest: 'orders' } });
});

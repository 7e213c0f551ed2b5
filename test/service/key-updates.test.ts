import { beforeEach, expect, test, vi } from 'vitest';
import type { CheckedCredentials } from '../../src/core/credentials.js';
import { OpenedIdentity } from '../../src/identity/opened-identity.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { KeyUpdates } from '../../src/service/key-updates.js';
import { ManualClock } from '../support/manual-clock.js';

const clock = new ManualClock();
const [old, next, third] = [1, 2, 3].map(() => systemKeys.create('/shop/orders')) as [
  CheckedCredentials,
  CheckedCredentials,
  CheckedCredentials,
];
let credentials = old;
const steps: string[] = [];
const warnings: string[] = [];
const nameOf = (key: string): string => ({ [old.key]: 'old', [next.key]: 'next' })[key] ?? 'third';

beforeEach(() => {
  credentials = old;
  steps.length = warnings.length = 0;
});

async function keyUpdates(register: () => Promise<void> = async () => undefined) {
  const identity = await OpenedIdentity.open(
    {
      label: 'The identity',
      read: () => ({ credentials, registry: [], registryKeys: [] }),
      write: 'the test provides its key',
    },
    { clock, keys: systemKeys, warn: () => undefined, send: () => Promise.reject(new Error('not expected')) },
  );
  const updates = new KeyUpdates({
    identity,
    server: { setSecureContext: ({ key }) => void steps.push(`server ${nameOf(key)}`) },
    register: async () => {
      steps.push('register');
      await register();
    },
    label: '/shop/orders (a)',
    logger: { warn: (message) => void warnings.push(message) },
  });
  const replace = (by: CheckedCredentials): void => {
    credentials = by;
    clock.advance(1_000);
  };
  return { identity, updates, replace };
}

test('the server gets the present key at once, and a new key after its registration', async () => {
  const { updates, replace } = await keyUpdates();
  expect(steps).toEqual(['server old']);
  updates.poll();
  replace(next);
  updates.poll();
  await vi.waitFor(() => expect(steps).toEqual(['server old', 'register', 'server next']));
  updates.poll();
  clock.advance(1_000);
  updates.poll();
  await Promise.resolve();
  expect(steps).toHaveLength(3);
});

test('the old key stays in use until the registry has accepted the new key', async () => {
  const register = vi.fn(() => Promise.resolve()).mockRejectedValueOnce(new Error('no response'));
  const { updates, replace } = await keyUpdates(register);
  replace(next);
  updates.poll();
  await vi.waitFor(() => expect(warnings).toHaveLength(1));
  expect(warnings[0]).toMatch(/did not accept the new key of \/shop\/orders \(a\): no response/);
  expect(steps).toEqual(['server old', 'register']);
  updates.poll();
  await vi.waitFor(() => expect(steps).toEqual(['server old', 'register', 'register', 'server next']));
});

test('a key that changes during its registration is registered too', async () => {
  let finish = (): void => undefined;
  const register = vi
    .fn(() => Promise.resolve())
    .mockReturnValueOnce(new Promise<void>((resolve) => (finish = resolve)));
  const { identity, updates, replace } = await keyUpdates(register);
  replace(next);
  updates.poll();
  await vi.waitFor(() => expect(register).toHaveBeenCalledTimes(1));
  replace(third);
  await identity.current();
  finish();
  await vi.waitFor(() => updates.poll() ?? expect(steps).toContain('server third'));
  expect(steps).toEqual(['server old', 'register', 'register', 'server third']);
});

test('after the end of the advertisement the server keeps its key', async () => {
  const { identity, updates, replace } = await keyUpdates();
  updates.close();
  replace(next);
  await identity.current();
  updates.poll();
  await Promise.resolve();
  expect(steps).toEqual(['server old']);
});

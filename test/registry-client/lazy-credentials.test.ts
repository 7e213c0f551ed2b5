import { expect, test } from 'vitest';
import { LazyCredentials } from '../../src/registry-client/lazy-credentials.js';
import type { CheckedCredentials } from '../../src/core/credentials.js';
import { systemKeys } from '../../src/runtime/system-keys.js';

const web = systemKeys.create('/shop/web');
const next = systemKeys.create('/shop/web');

class FakeIdentity {
  readonly registryKeys = [next.pin];
  readonly listeners = new Set<(next: CheckedCredentials, former: CheckedCredentials) => void>();
  last = web;

  async current(): Promise<CheckedCredentials> {
    return this.last;
  }

  onChanged(listener: (next: CheckedCredentials, former: CheckedCredentials) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
}

test('the identity is opened with the first use, once', async () => {
  let opened = 0;
  const credentials = new LazyCredentials(async () => {
    opened++;
    return new FakeIdentity();
  });
  expect([credentials.last, credentials.registryKeys, opened]).toEqual([undefined, [], 0]);
  expect(await Promise.all([credentials.current(), credentials.current()])).toEqual([web, web]);
  expect([credentials.last, credentials.registryKeys, opened]).toEqual([web, [next.pin], 1]);
});

test('an identity that could not be opened is opened again by the next use', async () => {
  let opened = 0;
  const credentials = new LazyCredentials(async () => {
    if (++opened === 1) throw new Error('unreadable');
    return new FakeIdentity();
  });
  await expect(credentials.current()).rejects.toThrow('unreadable');
  expect(await credentials.current()).toBe(web);
});

test('changes reach listeners that were added before the identity was opened, until the clerk closes', async () => {
  const identity = new FakeIdentity();
  const credentials = new LazyCredentials(async () => identity);
  const changes: string[] = [];
  credentials.onChanged((now, before) => changes.push(`${before.pin} ${now.pin}`));
  await credentials.current();
  for (const listener of identity.listeners) listener(next, web);
  expect(changes).toEqual([`${web.pin} ${next.pin}`]);
  credentials.close();
  expect(identity.listeners.size).toBe(0);
});

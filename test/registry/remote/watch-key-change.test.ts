/** The watch of a clerk after a change of the clerk's own key. */
import { expect, onTestFinished, test, vi } from 'vitest';
import type { CheckedCredentials, CredentialSource } from '../../../src/core/credentials.js';
import type { EndpointInit } from '../../../src/core/endpoint.js';
import type { Resolution } from '../../../src/core/registry.js';
import { retryLoop } from '../../../src/runtime/p-retry-loop.js';
import { paths } from '../../../src/protocol/paths.js';
import { httpConnection } from '../../../src/registry-client/http-connection.js';
import { serverRegistry } from '../../../src/registry/remote/server-registry.js';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { systemKeys } from '../../../src/runtime/system-keys.js';
import { undici } from '../../../src/transport/load-undici.js';
import { PinnedRegistryDialer } from '../../../src/transport/pinned-registry-dialer.js';
import { securedRegistry } from '../../support/secured-registry.js';

test('the watch moves to a connection of the new key at once, and misses no change', async () => {
  const registry = await securedRegistry();
  onTestFinished(() => registry.close());
  const [first, second] = [systemKeys.create('/shop/web'), systemKeys.create('/shop/web')];
  for (const { pin, name } of [first, second]) registry.principals.set(pin, name);
  registry.fake.put('/s', ['a']);
  const listeners = new Set<Parameters<CredentialSource['onChanged']>[0]>();
  let present: CheckedCredentials = first;
  const credentials: CredentialSource = {
    get last() {
      return present;
    },
    current: () => Promise.resolve(present),
    onChanged(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const dialer = new PinnedRegistryDialer({
    ...{ pins: () => [registry.credentials.pin], credentials, keys: systemKeys, clock: systemClock },
  });
  const client = serverRegistry({
    ...{ urls: [registry.url], clock: systemClock, retry: retryLoop },
    connect: (url) => httpConnection(url, { clock: systemClock, tls: {}, undici, dialer }),
  });
  onTestFinished(() => client.close());
  const snapshots: ReadonlyMap<string, Resolution>[] = [];
  const errors: unknown[] = [];
  client.watch(
    '/s',
    (snapshot) => snapshots.push(snapshot as ReadonlyMap<string, Resolution>),
    (error) => errors.push(error),
  );
  const endpoints = (): unknown => {
    const resolution = snapshots.at(-1)?.get('/s');
    return resolution?.kind === 'bound'
      ? resolution.endpoints.map((endpoint) => (endpoint as EndpointInit).id)
      : undefined;
  };
  await vi.waitFor(() => expect(endpoints()).toEqual(['a']), 10_000);
  present = second;
  for (const listener of [...listeners]) listener(second, first);
  // The change falls between the end of the old stream and the beginning of the new one.
  registry.fake.put('/s', ['a', 'b']);
  await vi.waitFor(() => expect(endpoints()).toEqual(['a', 'b']), 10_000);
  const watches = registry.requests.filter(({ path }) => path === paths.watch);
  expect(watches.map(({ pin }) => pin)).toEqual([first.pin, second.pin]);
  expect(errors).toEqual([]);
});

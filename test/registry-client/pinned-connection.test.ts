/** Connections to a registry that must prove its key. */
import { expect, onTestFinished, test } from 'vitest';
import type { CheckedCredentials, CredentialSource } from '../../src/core/credentials.js';
import type { ClerkError } from '../../src/core/errors.js';
import type { KeyPin } from '../../src/core/key-pin.js';
import type { RegistryStatement } from '../../src/core/registry-pins.js';
import { paths } from '../../src/protocol/paths.js';
import { FailoverClient } from '../../src/registry-client/failover-client.js';
import { httpConnection } from '../../src/registry-client/http-connection.js';
import type { RegistryConnection, StreamEvent } from '../../src/registry-client/connection.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { undici } from '../../src/transport/load-undici.js';
import { PinnedRegistryDialer } from '../../src/transport/pinned-registry-dialer.js';
import { listeningTlsServer } from '../support/pinned-server.js';
import { securedRegistry, type SecuredRegistry } from '../support/secured-registry.js';

const web = systemKeys.create('/shop/web');
const neverAborted = new AbortController().signal;
const lookup = { path: paths.resolve, query: { name: '/s' } };

type ChangeListener = (next: CheckedCredentials, former: CheckedCredentials) => void;

class Source implements CredentialSource {
  last: CheckedCredentials | undefined;
  readonly #listeners = new Set<ChangeListener>();

  constructor(public stored: CheckedCredentials) {}

  async current(): Promise<CheckedCredentials> {
    this.last = this.stored;
    return this.stored;
  }

  onChanged(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  replace(next: CheckedCredentials): void {
    const former = this.stored;
    this.stored = next;
    for (const listener of this.#listeners) listener(next, former);
  }
}

async function startRegistry(): Promise<SecuredRegistry> {
  const registry = await securedRegistry();
  onTestFinished(() => registry.close());
  registry.principals.set(web.pin, web.name);
  registry.fake.put('/s', ['a']);
  return registry;
}

function connectTo(url: string, pins: readonly KeyPin[], credentials?: CredentialSource): RegistryConnection {
  const dialer = new PinnedRegistryDialer({
    pins: () => pins,
    credentials,
    keys: systemKeys,
    clock: systemClock,
  });
  const connection = httpConnection(url, { clock: systemClock, tls: {}, undici, dialer });
  onTestFinished(() => connection.close());
  return connection;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'ok',
    (error: unknown) => (error as ClerkError).code,
  );
}

test('requests and event streams prove the key of the client', async () => {
  const registry = await startRegistry();
  const connection = connectTo(registry.url, [registry.credentials.pin], new Source(web));
  expect(await connection.request(lookup, neverAborted)).toMatchObject({ status: 200 });
  const events: StreamEvent[] = [];
  await new Promise<void>((resolve, reject) => {
    const stop = connection.stream(
      { path: paths.watch, body: { globs: ['/s'] } },
      {
        onActivity: () => undefined,
        onEvent: (event) => {
          events.push(event);
          if (event.type === 'current') resolve();
        },
        onEnd: reject,
      },
    );
    onTestFinished(stop);
  });
  expect(events.map(({ type }) => type)).toEqual(['open', 'put', 'current']);
  expect(registry.requests.map(({ path, pin }) => [path, pin])).toEqual([
    [paths.resolve, web.pin],
    [paths.watch, web.pin],
  ]);
});

test('only a registry that knows the key of the client states keys', async () => {
  const statements: RegistryStatement[] = [];
  const dialer = new PinnedRegistryDialer({
    pins: () => [],
    credentials: new Source(web),
    keys: systemKeys,
    clock: systemClock,
    onStatement: (statement) => statements.push(statement),
  });
  const { pin } = systemKeys.create('/registry');
  const stated = { registryKeys: pin, incarnation: 'i' };
  // A registry that does not know the key of the client.
  dialer.onResponse({ status: 401, ...stated });
  expect(statements).toEqual([]);
  dialer.onResponse({ status: 403, ...stated });
  expect(statements).toEqual([{ keys: [pin], incarnation: 'i' }]);
});

test('a server with another key receives no byte of a request or stream', async () => {
  const rogue = await listeningTlsServer(systemKeys.create('/registry'));
  onTestFinished(() => rogue.close());
  const connection = connectTo(rogue.address.text, [systemKeys.create('/registry').pin], new Source(web));
  expect(await codeOf(connection.request(lookup, neverAborted))).toBe('ENDPOINT_UNPROVEN');
  const error = await new Promise<ClerkError>((resolve) => {
    connection.stream(
      { path: paths.watch, body: { globs: ['/s'] } },
      { onActivity: () => undefined, onEvent: () => undefined, onEnd: resolve },
    );
  });
  expect(error.code).toBe('ENDPOINT_UNPROVEN');
  expect([rogue.connections, rogue.receivedBytes]).toEqual([2, 0]);
});

test('the next server is asked when a server does not prove its key, also for a change', async () => {
  const registry = await startRegistry();
  const rogue = await listeningTlsServer(systemKeys.create('/registry'));
  onTestFinished(() => rogue.close());
  const pins = [registry.credentials.pin];
  const connect = (): FailoverClient =>
    new FailoverClient(
      [rogue.address.text, registry.url].map((url) => connectTo(url, pins, new Source(web))),
      systemClock,
    );
  const parse = ({ status }: { status: number }): number => status;
  expect(await connect().request(lookup, { signal: neverAborted, hedged: false, parse })).toBe(200);
  const report = { path: paths.report, body: {} };
  expect(await connect().requestChange(report, { signal: neverAborted, parse })).toBe(200);
  expect(rogue.receivedBytes).toBe(0);
});

test('several pins are accepted while the key of the registry changes', async () => {
  const registry = await startRegistry();
  const pins = [systemKeys.create('/registry').pin, registry.credentials.pin];
  const connection = connectTo(registry.url, pins, new Source(web));
  expect(await codeOf(connection.request(lookup, neverAborted))).toBe('ok');
});

test('after a change of its key, the client proves the new key', async () => {
  const registry = await startRegistry();
  const source = new Source(web);
  const connection = connectTo(registry.url, [registry.credentials.pin], source);
  await connection.request(lookup, neverAborted);
  const next = systemKeys.create(web.name);
  registry.principals.set(next.pin, web.name);
  source.replace(next);
  await connection.request(lookup, neverAborted);
  expect(registry.requests.map(({ pin }) => pin)).toEqual([web.pin, next.pin]);
  await connection.close();
  expect(source.listenerCount).toBe(0);
});

test('an unusable identity, and a missing registry key, fail the request before a connection exists', async () => {
  const server = await listeningTlsServer(web);
  onTestFinished(() => server.close());
  expect(await codeOf(connectTo(server.address.text, []).request(lookup, neverAborted))).toBe(
    'CONFIG_INVALID',
  );
  expect(server.connections).toBe(0);
});

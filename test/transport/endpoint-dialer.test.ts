/** Connections to endpoints with keys, through the transport of a clerk. */
import { expect, onTestFinished, test } from 'vitest';
import { parseAddress } from '../../src/core/address.js';
import type { CheckedCredentials, CredentialSource } from '../../src/core/credentials.js';
import { toEndpoint } from '../../src/core/endpoint.js';
import type { KeyPin } from '../../src/core/key-pin.js';
import type { Channel, TransportOptions } from '../../src/core/transport.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { RecordingHandler } from '../../src/testing/suites/recording-handler.js';
import { defaultTransport } from '../../src/transport/default-transport.js';
import { listeningTlsServer, pinnedServer, type PinnedResponse } from '../support/pinned-server.js';

const service = systemKeys.create('/shop/orders');
const web = systemKeys.create('/shop/web');

type ChangeListener = (next: CheckedCredentials, former: CheckedCredentials) => void;

/** Reads its credentials only when asked. */
class Source implements CredentialSource {
  last: CheckedCredentials | undefined;
  readonly #listeners: ChangeListener[] = [];

  constructor(public stored: CheckedCredentials) {}

  async current(): Promise<CheckedCredentials> {
    const former = this.last;
    this.last = this.stored;
    if (former !== undefined && former !== this.stored)
      for (const listener of this.#listeners) listener(this.stored, former);
    return this.stored;
  }

  onChanged(listener: ChangeListener): () => void {
    this.#listeners.push(listener);
    return () => undefined;
  }
}

function open(address: string, pin: KeyPin, options: Partial<TransportOptions> = {}): Channel {
  const transport = defaultTransport(
    { connections: 4, maxSockets: 100, tls: {}, undici: {}, pinOf: systemKeys.pinOf, ...options },
    systemClock,
  );
  const endpoint = toEndpoint({ id: 'a', address, namesInstance: true, host: 'there', key: pin }, 'a test');
  const channel = transport.open(endpoint, [parseAddress(address)], 'orders.clerk');
  onTestFinished(() => channel.destroy(new Error('The test has ended')));
  return channel;
}

async function post(channel: Channel, freshOnly = false): Promise<RecordingHandler> {
  const handler = new RecordingHandler();
  channel.dispatch({ path: '/', method: 'POST', headers: {}, body: 'secret' }, handler, freshOnly);
  await handler.ended;
  // The connection becomes free after the response has ended.
  await new Promise((resolve) => setImmediate(resolve));
  return handler;
}

async function seenBy(channel: Channel, freshOnly = false): Promise<PinnedResponse> {
  return JSON.parse((await post(channel, freshOnly)).body) as PinnedResponse;
}

test.each([false, true])('requests and probes use proved connections (HTTP/2: %s)', async (allowH2) => {
  const { address, close } = await pinnedServer(service);
  onTestFinished(close);
  const channel = open(address.text, service.pin, { credentials: new Source(web), undici: { allowH2 } });
  expect(await seenBy(channel)).toMatchObject({ clientPin: web.pin, httpVersion: allowH2 ? '2.0' : '1.1' });
  expect(await seenBy(channel, true)).toMatchObject({ clientPin: web.pin });
  await channel.connect();
  await channel.probe(20_000);
});

test.each([false, true])(
  'a rogue server gets no byte of a request, connect or probe (HTTP/2: %s)',
  async (allowH2) => {
    const rogue = await listeningTlsServer(systemKeys.create('/shop/orders'));
    onTestFinished(() => rogue.close());
    const channel = open(rogue.address.text, service.pin, {
      credentials: new Source(web),
      undici: { allowH2 },
    });
    const unproven = { code: 'ENDPOINT_UNPROVEN' };
    for (const freshOnly of [false, true])
      expect(await post(channel, freshOnly)).toMatchObject({ calls: ['onError'], error: unproven });
    await expect(channel.connect()).rejects.toMatchObject(unproven);
    await expect(channel.probe(20_000)).rejects.toMatchObject({ errors: [unproven] });
    expect(rogue.receivedBytes).toBe(0);
  },
);

test('without TLS, or without a way to read keys, an endpoint with a key is not called', async () => {
  const { address, close } = await pinnedServer(service);
  onTestFinished(close);
  const unproven = { calls: ['onError'], error: { code: 'ENDPOINT_UNPROVEN' } };
  const plain = address.text.replace('https', 'http');
  expect(await post(open(plain, service.pin))).toMatchObject(unproven);
  const transport = defaultTransport({ connections: 1, maxSockets: 9, tls: {}, undici: {} }, systemClock);
  const endpoint = toEndpoint({ id: 'a', address: address.text, key: service.pin }, 'a test');
  const channel = transport.open(endpoint, [address], 'orders.clerk');
  onTestFinished(() => channel.destroy(new Error('The test has ended')));
  expect(await post(channel)).toMatchObject(unproven);
});

test('a changed key of this program is used on new connections, and old connections get no new request', async () => {
  const { address, close } = await pinnedServer(service);
  onTestFinished(close);
  const source = new Source(web);
  const channel = open(address.text, service.pin, { credentials: source });
  expect(await seenBy(channel)).toMatchObject({ clientPin: web.pin });
  source.stored = systemKeys.create('/shop/web');
  await source.current();
  expect(await seenBy(channel)).toMatchObject({ clientPin: source.stored.pin, isResumed: false });
});

test('an identity that cannot be read fails the request, and nothing is sent', async () => {
  const server = await listeningTlsServer(service);
  onTestFinished(() => server.close());
  const source = new Source(web);
  source.current = () => Promise.reject(Object.assign(new Error('unreadable'), { code: 'EACCES' }));
  const channel = open(server.address.text, service.pin, { credentials: source });
  expect(await post(channel)).toMatchObject({ calls: ['onError'], error: { code: 'EACCES' } });
  expect(server.connections).toBe(0);
});

/** A clerk with an identity, a secured registry, and services that check tickets, all over real TLS. */
import { createSecureServer } from 'node:http2';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import type { Binding } from '../../src/binding/binding.js';
import type { CheckedCredentials, CredentialSource } from '../../src/core/credentials.js';
import { ClerkError } from '../../src/core/errors.js';
import { createClerk, type Clerk } from '../../src/create-clerk.js';
import type { ClerkOptions } from '../../src/client/options.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { TicketVerifier } from '../../src/tickets/ticket-verifier.js';
import { listeningTlsServer } from '../support/pinned-server.js';
import { securedRegistry, type SecuredRegistry } from '../support/secured-registry.js';

const service = '/shop/orders';
const web = systemKeys.create('/shop/web');
const orders = systemKeys.create(service);

/** Credentials that the test replaces. */
class ReplaceableCredentials implements CredentialSource {
  readonly #listeners = new Set<(next: CheckedCredentials, former: CheckedCredentials) => void>();

  constructor(public last: CheckedCredentials) {}

  async current(): Promise<CheckedCredentials> {
    return this.last;
  }

  onChanged(listener: (next: CheckedCredentials, former: CheckedCredentials) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  replace(next: CheckedCredentials): void {
    const former = this.last;
    this.last = next;
    for (const listener of [...this.#listeners]) listener(next, former);
  }
}

interface CheckingService {
  readonly address: string;
  readonly port: number;
  /** One line per request: the principal, or the reason of the refusal. */
  readonly calls: string[];
  connections: number;
  /** The number of requests that are refused with this status, although their tickets are valid. */
  refusals: number;
  refusalStatus: number;
}

/** A service that checks the ticket of each request against the key of its connection. */
async function checkingService(
  registry: SecuredRegistry,
  { key, cert }: CheckedCredentials = orders,
): Promise<CheckingService> {
  const verifier = new TicketVerifier(() => [registry.credentials.pin], systemKeys, systemClock);
  const server = createSecureServer({
    ...{ key, cert, minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: false, allowHTTP1: true },
  });
  const sockets = new Set<TLSSocket>();
  const state = { calls: [] as string[], connections: 0, refusals: 0, refusalStatus: 401 };
  server.on('secureConnection', (socket: TLSSocket) => {
    state.connections++;
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const socket = request.socket as unknown as Pick<TLSSocket, 'getPeerX509Certificate'>;
    const certificate = socket.getPeerX509Certificate();
    const ticket = String(request.headers['clerk-ticket']);
    try {
      if (state.refusals-- > 0) throw new Error('refused');
      const { principal } = await verifier.verify(ticket, {
        clientPin: systemKeys.pinOf(certificate?.raw ?? ''),
        isOwnService: (name) => name === service,
      });
      state.calls.push(principal);
      response.end('ok');
    } catch {
      state.calls.push(request.method === 'OPTIONS' ? 'probe' : 'refused');
      const code = state.refusalStatus === 403 ? 'FORBIDDEN' : 'TICKET_REFUSED';
      response
        .writeHead(state.refusalStatus, { 'clerk-not-executed': '1' })
        .end(JSON.stringify({ error: { code, message: 'The ticket is refused' } }));
    }
  };
  server.on(
    'request',
    (request: IncomingMessage, response: ServerResponse) => void handle(request, response),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, { address: `https://127.0.0.1:${String(port)}`, port });
}

async function startRegistry(): Promise<SecuredRegistry> {
  const registry = await securedRegistry();
  onTestFinished(() => registry.close());
  registry.principals.set(web.pin, web.name);
  return registry;
}

function openClerk(registry: SecuredRegistry, options: ClerkOptions = {}): Clerk {
  const clerk = createClerk({
    registry: registry.url,
    registryKey: registry.credentials.pin,
    identity: () => web,
    ...options,
  });
  onTestFinished(() => clerk.destroy());
  return clerk;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'ok',
    (error: unknown) => (error as ClerkError).code,
  );
}

test('every kind of call carries one ticket, and none is requested twice', async () => {
  const registry = await startRegistry();
  const server = await checkingService(registry);
  registry.put(service, 'a', server.address, orders);
  const clerk = openClerk(registry);
  const binding = clerk.bind(service);
  expect(await binding.text('/')).toBe('ok');
  expect(await (await binding.request({ path: '/' })).body.text()).toBe('ok');
  expect(await (await clerk.fetch('https://orders.shop.clerk/')).text()).toBe('ok');
  const [gathered] = await binding.gather({ path: '/' });
  expect(gathered?.ok === true && (await gathered.response.body.text())).toBe('ok');
  expect(server.calls).toEqual(Array.from({ length: 4 }, () => web.name));
  expect(registry.requests.filter(({ path }) => path === '/v1/tickets').length).toBe(1);
  expect(new Set(registry.requests.map(({ pin }) => pin))).toEqual(new Set([web.pin]));
  expect(binding.explain()).toMatchObject({
    proved: true,
    identity: web.name,
    candidates: [{ key: orders.pin }],
  });
  expect(binding.explain().ticket?.expiresInMs).toBeGreaterThan(200_000);
  expect(String(binding.explain())).toContain('proved, as /shop/web, ticket for');
});

test('the ticket of a request that a proxy forwards is replaced', async () => {
  const registry = await startRegistry();
  const server = await checkingService(registry);
  registry.put(service, 'a', server.address, orders);
  const binding = openClerk(registry).bind(service);
  expect(await binding.text('/', { headers: { 'Clerk-Ticket': 'of another client' } })).toBe('ok');
});

test('a request over HTTP/2 carries its ticket', async () => {
  const registry = await startRegistry();
  const server = await checkingService(registry);
  registry.put(service, 'a', server.address, orders);
  const binding = openClerk(registry, { undici: { allowH2: true } }).bind(service);
  const texts = await Promise.all([1, 2, 3].map(() => binding.text('/')));
  expect([texts, server.calls]).toEqual([
    ['ok', 'ok', 'ok'],
    [web.name, web.name, web.name],
  ]);
});

test('call() and acquire() get what tls.connect needs, and a ticket', async () => {
  const registry = await startRegistry();
  const server = await checkingService(registry);
  registry.put(service, 'a', server.address, orders);
  const binding = openClerk(registry).bind(service);
  const ask = (tls: object | undefined, ticket: string | undefined, port: number): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, ...tls }, () =>
        socket.write(
          `GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nclerk-ticket: ${String(ticket)}\r\n\r\n`,
        ),
      );
      let text = '';
      socket.on('data', (chunk) => (text += String(chunk)));
      socket.on('error', reject).on('end', () => resolve(text.split('\r\n')[0] ?? ''));
    });
  const answer = await binding.call((_endpoint, { tls, ticket }) => ask(tls, ticket, server.port));
  expect(answer).toBe('HTTP/1.1 200 OK');
  const acquired = await binding.acquire();
  expect(await ask(acquired.tls, acquired.ticket, server.port)).toBe('HTTP/1.1 200 OK');
  const rogue = await listeningTlsServer(systemKeys.create(service));
  onTestFinished(() => rogue.close());
  await expect(ask(acquired.tls, acquired.ticket, rogue.address.port)).rejects.toThrow(/self.signed/);
  expect(rogue.receivedBytes).toBe(0);
  acquired.release('success');
});

test('a rogue server on the port of a dead endpoint receives no byte, and calls continue elsewhere', async () => {
  const registry = await startRegistry();
  const rogue = await listeningTlsServer(systemKeys.create(service));
  onTestFinished(() => rogue.close());
  const server = await checkingService(registry);
  registry.put(service, 'a', rogue.address.text, orders);
  registry.put(service, 'b', server.address, orders);
  const binding = openClerk(registry).bind(service, { policy: 'round-robin' });
  for (let i = 0; i < 6; i++)
    expect(await binding.text('/', { method: 'POST', body: 'secret', kind: 'once' })).toBe('ok');
  expect([rogue.connections > 0, rogue.receivedBytes]).toEqual([true, 0]);
});

test('when no endpoint proves its key, the call fails with ENDPOINT_UNPROVEN and was not executed', async () => {
  const registry = await startRegistry();
  const rogue = await listeningTlsServer(systemKeys.create(service));
  onTestFinished(() => rogue.close());
  registry.put(service, 'a', rogue.address.text, orders);
  const binding = openClerk(registry).bind(service);
  const error = (await binding.text('/').catch((thrown: unknown) => thrown)) as ClerkError;
  expect(error).toMatchObject({ code: 'ENDPOINT_UNPROVEN', execution: 'none' });
  expect(error.message).toContain(orders.pin);
  expect(rogue.receivedBytes).toBe(0);
});

test('a program with an identity learns that a name without a right looks absent', async () => {
  const registry = await startRegistry();
  const error = (await openClerk(registry)
    .bind('/nowhere')
    .text('/')
    .catch((thrown: unknown) => thrown)) as ClerkError;
  expect(error.code).toBe('NAME_NOT_FOUND');
  expect(error.message).toContain(
    'the registry also hides a name if the identity of the clerk lacks the right read',
  );
});

test.each([
  [401, 'TICKET_REFUSED'],
  [403, 'FORBIDDEN'],
])(
  'a refusal with the status %i is the error %s for a program, and the call did not run',
  async (status, code) => {
    const registry = await startRegistry();
    const server = await checkingService(registry);
    Object.assign(server, { refusals: 100, refusalStatus: status });
    registry.put(service, 'a', server.address, orders);
    const binding = openClerk(registry).bind(service);
    for (const read of ['json', 'text', 'bytes'] as const)
      await expect(binding[read]('/')).rejects.toMatchObject({ code, execution: 'none' });
    expect((await binding.request({ path: '/' })).statusCode).toBe(status);
  },
);

test('an endpoint with a new key is looked up again within the call', async () => {
  const registry = await startRegistry();
  const renewed = systemKeys.create(service);
  const server = await checkingService(registry, renewed);
  registry.put(service, 'a', server.address, orders);
  const clerk = openClerk(registry);
  await clerk.resolve(service);
  registry.put(service, 'a', server.address, renewed);
  expect(await clerk.bind(service).text('/')).toBe('ok');
});

test('endpoints without a key are called only when tickets are offered or off', async () => {
  const registry = await startRegistry();
  registry.fake.put(service, ['a'], { addresses: ['http://127.0.0.1:9'] });
  for (const [tickets, code] of [
    ['required', 'ENDPOINT_UNPROVEN'],
    ['offered', 'ENDPOINTS_EXHAUSTED'],
    ['off', 'ENDPOINTS_EXHAUSTED'],
  ] as const) {
    const binding = openClerk(registry, { tickets }).bind(service);
    expect([tickets, await codeOf(binding.text('/'))]).toEqual([tickets, code]);
    expect(binding.explain().proved).toBe(false);
  }
  expect(registry.requests.some(({ path }) => path === '/v1/tickets')).toBe(false);
});

test('a registry without the pinned key receives no byte', async () => {
  const rogue = await listeningTlsServer(systemKeys.create('/registry'));
  onTestFinished(() => rogue.close());
  const registry = await startRegistry();
  const clerk = openClerk(registry, { registry: rogue.address.text });
  expect(await codeOf(clerk.resolve(service))).toBe('ENDPOINT_UNPROVEN');
  expect(rogue.receivedBytes).toBe(0);
  const both = openClerk(registry, { registry: [rogue.address.text, registry.url] });
  registry.fake.put(service, []);
  expect((await both.resolve(service)).name).toBe(service);
});

test('a refusal of the ticket by the registry fails the call', async () => {
  const registry = await startRegistry();
  const server = await checkingService(registry);
  registry.put(service, 'a', server.address, orders);
  registry.ticketError = new ClerkError('FORBIDDEN', 'No right to call');
  const binding = openClerk(registry).bind(service);
  expect(await codeOf(binding.text('/'))).toBe('FORBIDDEN');
  registry.ticketError = undefined;
  expect(await binding.text('/')).toBe('ok');
  expect(server.calls).toEqual([web.name]);
});

/** A binding, and the number of tickets that its clerk has requested. */
async function refusingService(): Promise<{
  readonly server: CheckingService;
  readonly binding: Binding;
  readonly tickets: () => number;
  readonly shift: (ms: number) => void;
  readonly status: (options?: object) => Promise<number>;
}> {
  const registry = await startRegistry();
  const server = await checkingService(registry);
  registry.put(service, 'a', server.address, orders);
  let shiftMs = 0;
  const runtime = { now: () => systemClock.now() + shiftMs };
  const binding = openClerk(registry, { runtime }).bind(service);
  return {
    server,
    binding,
    tickets: () => registry.requests.filter(({ path }) => path === '/v1/tickets').length,
    shift: (ms) => (shiftMs += ms),
    async status(options) {
      const { statusCode, body } = await binding.request({ path: '/', ...options });
      await body.dump();
      return statusCode;
    },
  };
}

test.each([
  ['GET', {}],
  ['POST', { method: 'POST', body: '{}' }],
  ['PUT', { method: 'PUT', body: 'x' }],
])('a %s whose ticket was refused is repeated once, with a new ticket', async (_, options) => {
  const { server, status, tickets } = await refusingService();
  expect([await status(), tickets()]).toEqual([200, 1]);
  server.refusals = 1;
  expect([await status(options), tickets()]).toEqual([200, 2]);
  expect(server.calls).toEqual([web.name, 'refused', web.name]);
});

test('a service that refuses every ticket gets each call twice at most, and three new tickets without a wait', async () => {
  const { server, status, tickets, shift } = await refusingService();
  server.refusals = Infinity;
  expect([await status(), server.calls.length, tickets()]).toEqual([401, 2, 2]);
  expect([await status(), server.calls.length, tickets()]).toEqual([401, 4, 3]);
  expect([await status(), server.calls.length, tickets()]).toEqual([401, 6, 4]);
  expect([await status(), server.calls.length, tickets()]).toEqual([401, 7, 4]);
  shift(1_100);
  expect([await status(), server.calls.length, tickets()]).toEqual([401, 9, 5]);
  server.refusals = 0;
  expect([await status(), server.calls.length, tickets()]).toEqual([200, 10, 5]);
});

test.each([
  ['a forbidden call', { method: 'POST', body: '{}' }, 403],
  ['a call whose body cannot be sent again', { method: 'POST', body: Readable.from(['x']) }, 401],
])('%s is not repeated', async (_, options, refusalStatus) => {
  const { server, status } = await refusingService();
  Object.assign(server, { refusals: 1, refusalStatus });
  expect([await status(options), server.calls.length]).toEqual([refusalStatus, 1]);
});

test('a call to every instance repeats at the instance that has refused the ticket', async () => {
  const { server, binding } = await refusingService();
  await binding.text('/');
  server.refusals = 1;
  const [gathered] = await binding.gather({ path: '/' });
  expect(gathered?.ok === true && gathered.response.statusCode).toBe(200);
  if (gathered?.ok === true) await gathered.response.body.dump();
});

test('a replaced key drops no call, and the service sees the new key', async () => {
  const registry = await startRegistry();
  const next = systemKeys.create(web.name);
  registry.principals.set(next.pin, web.name);
  const server = await checkingService(registry);
  registry.put(service, 'a', server.address, orders);
  const identity = new ReplaceableCredentials(web);
  const clerk = openClerk(registry, { identity });
  const binding = clerk.bind(service);
  const calls = Array.from({ length: 8 }, () => binding.text('/'));
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['ok']));
  identity.replace(next);
  for (let i = 0; i < 4; i++) expect(await binding.text('/')).toBe('ok');
  const keys = registry.requests.filter(({ path }) => path === '/v1/tickets').map(({ pin }) => pin);
  expect(keys).toEqual([web.pin, next.pin]);
  await clerk.close();
  expect(identity.listenerCount).toBe(0);
});

test('without an identity, a pinned registry learns no key of the client', async () => {
  const registry = await startRegistry();
  const clerk = createClerk({ registry: registry.url, registryKey: registry.credentials.pin });
  onTestFinished(() => clerk.destroy());
  expect(await codeOf(clerk.resolve(service))).toBe('IDENTITY_INVALID');
  expect(registry.requests.every(({ pin }) => pin === undefined)).toBe(true);
});

test('static endpoints with a key need no registry', async () => {
  const registry = await startRegistry();
  const server = await checkingService(registry);
  const clerk = createClerk({
    registry: { [service]: [{ address: server.address, key: orders.pin }] },
    identity: () => web,
    tickets: 'off',
  });
  onTestFinished(() => clerk.destroy());
  const { statusCode, body } = await clerk.bind(service).request({ path: '/' });
  await body.dump();
  expect([statusCode, server.calls]).toEqual([401, ['refused']]);
});

/** Attacks of servers and registries on an honest client. No rogue server receives a byte of a request. */
import { generateKeyPairSync } from 'node:crypto';
import { createServer as createHttp } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ClerkOptions } from '../../src/client/options.js';
import { ClerkError } from '../../src/core/errors.js';
import { createClerk } from '../../src/create-clerk.js';
import { enrolKey } from '../../src/identity/request-enrolment.js';
import { parseTicket } from '../../src/registry/remote/parse-ticket.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { openRegistryProof, requireTls } from '../../src/service/registry-proof.js';
import { refusalOf, type Attack, type Refusal } from './attack.js';
import { certificateOf } from './rogue-certificate.js';
import { orders, service, web, type PeerWorld } from './rogue-peers.js';

type PeerAttack = Attack<PeerWorld>;

const dial = 'transport/pinned-tls.ts';

/** Sends a request that must not leave the client. */
const call = (world: PeerWorld, options: ClerkOptions = {}, name = service): Promise<Refusal> =>
  refusalOf(() =>
    world
      .clerk(options)
      .bind(name)
      .text('/', { method: 'POST', body: 'secret', kind: 'once', timeoutMs: 3_000 }),
  );

function serverAttack(
  name: string,
  check: string,
  refusedAs: string,
  because: string,
  run: PeerAttack['run'],
): PeerAttack {
  return { name, by: 'server', check, refusedAs, because, run };
}

function registryAttack(
  name: string,
  check: string,
  refusedAs: string,
  because: string,
  run: PeerAttack['run'],
): PeerAttack {
  return { name, by: 'registry', check, refusedAs, because, run };
}

function rsaServer(): { readonly key: string; readonly cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: certificateOf(publicKey, privateKey, { commonName: 'localhost' }),
  };
}

const pem = ({ key, cert }: { readonly key: string; readonly cert: string }) => ({ key, cert });

const serverAttacks: readonly PeerAttack[] = [
  serverAttack(
    'a rogue server on the address of a dead instance',
    `${dial}: pinned key`,
    'ENDPOINT_UNPROVEN',
    orders.pin,
    async (world) => {
      const refusals: Refusal[] = [];
      for (const own of [systemKeys.create(service), systemKeys.create(service, 'ES256'), rsaServer()]) {
        const { address } = await world.rogue(pem(own));
        world.registry.put(service, 'a', address, orders);
        refusals.push(await call(world));
      }
      return refusals;
    },
  ),
  serverAttack(
    'a rogue server on the address of a dead instance, after the client has a session with the instance',
    'transport/session-cache.ts: sessions by key',
    'ENDPOINT_UNPROVEN',
    orders.pin,
    async (world) => {
      const honest = await world.honest();
      world.registry.put(service, 'a', honest.address, orders);
      const binding = world.clerk().bind(service);
      const before = world.requests;
      for (let i = 0; i < 3; i++) await binding.text('/');
      world.requests = before;
      await honest.close();
      await world.rogue({ ...pem(systemKeys.create(service)), minVersion: 'TLSv1.3' }, honest.port);
      const refusals: Refusal[] = [];
      for (let i = 0; i < 3; i++)
        refusals.push(
          await refusalOf(() => binding.text('/', { method: 'POST', body: 'secret', kind: 'once' })),
        );
      return refusals.slice(0, 1);
    },
  ),
  serverAttack(
    'a server that speaks only TLS 1.2, with the right key',
    `${dial}: TLS 1.3`,
    'ENDPOINTS_EXHAUSTED',
    '',
    async (world) => {
      const { address } = await world.rogue({ ...pem(orders), maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' });
      world.registry.put(service, 'a', address, orders);
      return [await call(world)];
    },
  ),
  serverAttack(
    'a server without TLS, and one that never ends the handshake',
    `${dial}: complete handshake`,
    'ENDPOINTS_EXHAUSTED',
    '',
    async (world) => {
      const refusals: Refusal[] = [];
      for (const onConnection of [
        (socket: { end(text: string): unknown }) =>
          socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
        (socket: { destroy(): unknown }) => socket.destroy(),
      ]) {
        const { address } = await world.plainRogue(onConnection);
        world.registry.put(service, 'a', address, orders);
        refusals.push(await call(world));
      }
      return refusals;
    },
  ),
  serverAttack(
    'an address without TLS for an endpoint with a key',
    'transport/endpoint-dialer.ts: TLS for a key',
    'ENDPOINT_UNPROVEN',
    'https',
    async (world) => {
      const { port } = await world.plainRogue(() => undefined);
      world.registry.put(service, 'a', `http://127.0.0.1:${String(port)}`, orders);
      return [await call(world)];
    },
  ),
  serverAttack(
    'a connection to one service, used for another service at the same address',
    'transport/endpoint-dialer.ts: proof of a connection',
    'ENDPOINT_UNPROVEN',
    'must prove the key',
    async (world) => {
      const honest = await world.honest();
      world.registry.put(service, 'a', honest.address, orders);
      world.registry.put('/shop/stock', 'a', honest.address, systemKeys.create('/shop/stock'));
      const clerk = world.clerk();
      const before = world.requests;
      await clerk.bind(service).text('/');
      world.requests = before;
      return [await refusalOf(() => clerk.bind('/shop/stock').text('/'))];
    },
  ),
  serverAttack(
    'a registration without a key, in a registry that lists keys',
    'binding/reachable-addresses.ts: endpoint without a key',
    'ENDPOINT_UNPROVEN',
    '',
    async (world) => {
      const { address } = await world.rogue(pem(systemKeys.create(service)));
      world.registry.fake.put(service, ['a'], { addresses: [address] });
      return [await call(world)];
    },
  ),
  serverAttack(
    'a service that redirects its callers, with their tickets, to another server',
    'client/fetch.ts: ticket of a redirect',
    'no ticket',
    '',
    async (world) => {
      const tickets: string[] = [];
      const thief = createHttp((request, response) => {
        tickets.push(String(request.headers['clerk-ticket'] ?? 'no ticket'));
        response.end('stolen');
      });
      await new Promise<void>((resolve) => thief.listen(0, '127.0.0.1', resolve));
      const { port } = thief.address() as AddressInfo;
      const honest = await world.redirecting(`http://127.0.0.1:${String(port)}/`);
      world.registry.put('/shop/moved', 'a', honest.address, orders);
      const clerk = world.clerk();
      const before = world.requests;
      const text = await (await clerk.fetch('https://moved.shop.clerk/')).text();
      world.requests = before;
      thief.close();
      thief.closeAllConnections();
      return text === 'stolen'
        ? tickets.map((ticket) => ({ as: ticket, because: '' }))
        : [{ as: text, because: '' }];
    },
  ),
];

/** The response of a rogue registry to a request for a ticket. */
const ticketResponse = (name: string, check: string, bodies: readonly object[]): PeerAttack =>
  registryAttack(
    name,
    `registry/remote/parse-ticket.ts: ${check}`,
    'REGISTRY_INVALID',
    'sent an invalid ticket',
    async () =>
      Promise.all(
        bodies.map((body) =>
          refusalOf(() =>
            parseTicket(
              { ticket: 'a.b.c', expiresInMs: 1_000, service, ...body },
              { url: 'https://registry' },
            ),
          ),
        ),
      ),
  );

/** The response of a rogue registry to an enrolment. */
function enrolResponse(name: string, check: string, change: object): PeerAttack {
  return registryAttack(
    name,
    `identity/request-enrolment.ts: ${check}`,
    'REGISTRY_INVALID',
    'sent an invalid response',
    async ({ registry }) => {
      const target = { urls: [registry.url], registryKeys: [registry.credentials.pin], credentials: web };
      const body = { name: web.name, key: web.pin, registryKeys: [registry.credentials.pin], ...change };
      const send = async () => ({ status: 200, body, url: registry.url });
      return [await refusalOf(() => enrolKey(target, { name: web.name, token: 'x' }, { send }))];
    },
  );
}

/** A lookup in which a rogue registry describes an endpoint. */
function lookupAttack(name: string, check: string, endpoint: Record<string, unknown>): PeerAttack {
  return registryAttack(name, check, 'REGISTRY_INVALID', '', async (world) => {
    world.registry.fake.put('/rogue/lookup', ['a'], {
      addresses: ['https://127.0.0.1:9'],
      ...endpoint,
    });
    return [await refusalOf(() => world.clerk().resolve('/rogue/lookup'))];
  });
}

const otherPin = systemKeys.create('/registry').pin;

const registryAttacks: readonly PeerAttack[] = [
  registryAttack(
    'another server on the address of the registry',
    'transport/pinned-registry-dialer.ts: key of the registry',
    'ENDPOINT_UNPROVEN',
    'must prove the key',
    async (world) => {
      const { address } = await world.rogue(pem(systemKeys.create('/registry')));
      const byClerk = await refusalOf(() => world.clerk({ registry: address }).resolve(service));
      const { address: rsa } = await world.rogue(rsaServer());
      return [byClerk, await refusalOf(() => world.clerk({ registry: rsa }).resolve(service))];
    },
  ),
  registryAttack(
    'the key of an honest service, shown as that of the registry',
    'transport/pinned-registry-dialer.ts: key of the registry',
    'ENDPOINT_UNPROVEN',
    'must prove the key',
    async (world) => {
      const { address } = await world.rogue(pem(orders));
      return [await refusalOf(() => world.clerk({ registry: address }).resolve(service))];
    },
  ),
  registryAttack(
    'a registry without TLS for a client with an identity or a pinned key',
    'client/identity-config.ts: TLS for the registry',
    'CONFIG_INVALID',
    'needs an https: address',
    async () => [
      await refusalOf(() =>
        createClerk({ registry: 'http://127.0.0.1:9', identity: () => web, tickets: 'off' }),
      ),
      await refusalOf(() => createClerk({ registry: 'http://127.0.0.1:9', registryKey: otherPin })),
      await refusalOf(() =>
        createClerk({ registry: ['https://127.0.0.1:9', 'http://127.0.0.1:9'], registryKey: otherPin }),
      ),
    ],
  ),
  registryAttack(
    'a registry without a known key, for a client with an identity',
    'transport/pinned-registry-dialer.ts: known key of the registry',
    'CONFIG_INVALID',
    'no key of the registry is known',
    async (world) => [
      await refusalOf(() => {
        const clerk = createClerk({ registry: world.registry.url, identity: () => web });
        return clerk.resolve(service).finally(() => clerk.destroy());
      }),
    ],
  ),
  registryAttack(
    'a registry address without TLS, for a service with an identity',
    'service/registry-proof.ts: TLS for the registry',
    'CONFIG_INVALID',
    'needs TLS at each registry address',
    async () => [await refusalOf(() => requireTls(['https://a:1', 'http://a:1'], 'registry address'))],
  ),
  registryAttack(
    'a service with a registry key and no identity, which would register without proof',
    'service/registry-proof.ts: identity for a registry key',
    'CONFIG_INVALID',
    'needs an identity',
    async () => [
      await refusalOf(() =>
        openRegistryProof({ identity: undefined, registryKeys: [otherPin] }, undefined, {
          env: {},
          openIdentity: () => Promise.reject(new ClerkError('CONFIG_INVALID', 'not expected')),
        }),
      ),
    ],
  ),
  ticketResponse('a ticket that splits the request header', 'characters', [
    { ticket: 'a.b.c\r\nclerk-idempotency: x' },
    { ticket: 'a.b.c d' },
    { ticket: 'a.b' },
    { ticket: 'a.b.c\0' },
    { ticket: 7 },
    { ticket: undefined },
  ]),
  ticketResponse('a ticket that fills the request headers', 'length', [
    { ticket: `a.${'b'.repeat(4_096)}.c` },
  ]),
  ticketResponse('a ticket that never ends, or has ended', 'life', [
    { expiresInMs: 600_001 },
    { expiresInMs: 0 },
    { expiresInMs: -1 },
    { expiresInMs: Infinity },
    { expiresInMs: NaN },
    { expiresInMs: '1000' },
  ]),
  ticketResponse('a ticket for something that is not a name', 'service', [
    { service: '/shop/*' },
    { service: '../x' },
    { service: undefined },
  ]),
  enrolResponse('an enrolment of another key', 'enrolled key', { key: orders.pin }),
  enrolResponse('an enrolment under another name', 'enrolled name', { name: '/operator' }),
  enrolResponse('an enrolment that names no valid registry keys', 'registry keys', { registryKeys: ['x'] }),
  lookupAttack('a key of an endpoint that is not a pin', 'core/endpoint-keys.ts: pin', { key: 'sha256/x' }),
  lookupAttack('a former key of an endpoint that is not a pin', 'core/endpoint-keys.ts: former pin', {
    key: orders.pin,
    formerKey: '*',
  }),
  lookupAttack(
    'a certificate of an endpoint that is not in base64, or very long',
    'core/endpoint-keys.ts: certificate',
    {
      key: orders.pin,
      cert: '-----BEGIN CERTIFICATE-----',
    },
  ),
];

export const peerAttacks: readonly PeerAttack[] = [...serverAttacks, ...registryAttacks];

/** Attacks of clients on the TLS connections to a registry and to a service. */
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { Credentials } from '../../src/core/credentials.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { done, type AttackedFleet } from './attacked-fleet.js';
import type { Attack, Refusal } from './attack.js';
import { certificateOf } from './rogue-certificate.js';

type TransportAttack = Attack<AttackedFleet>;

const tlsServer = 'server/http/tls-server.ts';
const identityTls = 'identity/opened-identity.ts';
const closed = 'no response';
const request = 'GET /v1/status HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n';

/** Returns the status line and the body, or nothing if the connection ends without a response. */
function exchange(port: number, options: ConnectionOptions, headers = ''): Promise<Refusal> {
  return new Promise((resolve) => {
    let text = '';
    let reason = 'closed';
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options }, () =>
      socket.write(`${request}${headers}\r\n`),
    );
    socket
      .on('data', (bytes: Buffer) => (text += String(bytes)))
      .on('error', (error) => (reason = error.message))
      .on('close', () => {
        const [, status] = /^HTTP\/1\.1 (\d+)/.exec(text) ?? [];
        const [, code] = /"code":"(\w+)"/.exec(text) ?? [];
        resolve(
          status === undefined
            ? { as: closed, because: reason }
            : { as: `${status} ${code ?? ''}`, because: text },
        );
      });
  });
}

function plainExchange(port: number): Promise<Refusal> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connectTcp(port, '127.0.0.1', () => socket.write(`${request}\r\n`));
    socket
      .on('data', (bytes) => (text += bytes.toString('latin1')))
      .on('error', () => undefined)
      .on('close', () => resolve({ as: text.includes('HTTP/1.1 2') ? 'served' : closed, because: 'closed' }));
  });
}

const keyOf = ({ web }: AttackedFleet): Credentials => web.credentials as Credentials;
const pem = ({ key, cert }: Credentials) => ({ key, cert });

/** A session of `/shop/web` with a server. */
async function sessionAt(port: number, fleet: AttackedFleet): Promise<Buffer> {
  const socket: TLSSocket = connectTls({
    ...{ port, host: '127.0.0.1', rejectUnauthorized: false, minVersion: 'TLSv1.3' },
    ...pem(keyOf(fleet)),
  });
  const [session] = (await once(socket, 'session')) as [Buffer];
  socket.destroy();
  return session;
}

function attack(
  name: string,
  check: string,
  refusedAs: string,
  because: string,
  run: (fleet: AttackedFleet) => Promise<readonly Refusal[]>,
): TransportAttack {
  return { name, by: 'client', check, refusedAs, because, run };
}

/** A self-signed certificate of a new key with the given fields. */
function oddCredentials(fields: Parameters<typeof certificateOf>[2]): Credentials {
  const { name, key } = systemKeys.create('/operator');
  const privateKey = createPrivateKey(key);
  return { name, key, cert: certificateOf(createPublicKey(privateKey), privateKey, fields) };
}

export const transportAttacks: readonly TransportAttack[] = [
  attack('TLS 1.2 to the registry', `${tlsServer}: TLS 1.3`, closed, 'protocol version', async (fleet) => [
    await exchange(fleet.port, { ...pem(keyOf(fleet)), maxVersion: 'TLSv1.2' }),
  ]),
  attack('TLS 1.2 to a service', `${identityTls}: TLS 1.3`, closed, 'protocol version', async (fleet) => [
    await exchange(fleet.servicePort, { ...pem(keyOf(fleet)), maxVersion: 'TLSv1.2' }),
  ]),
  attack('plain HTTP to the registry', `${tlsServer}: TLS`, closed, 'closed', async ({ port }) => [
    await plainExchange(port),
  ]),
  attack('plain HTTP to a service', `${identityTls}: TLS`, closed, 'closed', async ({ servicePort }) => [
    await plainExchange(servicePort),
  ]),
  attack(
    'certificates of other keys with foreign names, expired, or with many names',
    'server/http/security.ts: owner of the key',
    '401 IDENTITY_INVALID',
    'must prove a key that is enrolled',
    async ({ port }) =>
      Promise.all(
        [
          { commonName: 'clerk:///operator' },
          { commonName: '/operator', notAfter: '20210101000000Z' },
          { commonName: `/operator\0/x` },
          { commonName: 'x'.repeat(20_000) },
        ].map((fields) => exchange(port, pem(oddCredentials(fields)))),
      ),
  ),
  attack(
    'a certificate of 200 kB',
    `${tlsServer}: size of certificates`,
    closed,
    '',
    async ({ port, servicePort }) => {
      const large = pem(oddCredentials({ commonName: 'x'.repeat(200_000) }));
      return [await exchange(port, large), await exchange(servicePort, large)];
    },
  ),
  attack(
    'a TLS session of a service, resumed at the registry without a certificate',
    `${tlsServer}: sessions of this server`,
    '401 IDENTITY_INVALID',
    'must prove a key that is enrolled',
    async (fleet) => [
      await exchange(fleet.port, {
        session: await sessionAt(fleet.servicePort, fleet),
        minVersion: 'TLSv1.3',
      }),
    ],
  ),
  attack(
    'a TLS session of the registry, resumed at a service without a certificate',
    `${identityTls}: sessions of this server`,
    '401 TICKET_REFUSED',
    'requires that the client proves its key',
    async (fleet) => [
      await exchange(
        fleet.servicePort,
        { session: await sessionAt(fleet.port, fleet), minVersion: 'TLSv1.3' },
        `clerk-ticket: ${await fleet.ticketOf(fleet.web)}\r\n`,
      ),
    ],
  ),
  {
    ...attack(
      'a resumed TLS session of a revoked key',
      'server/http/security.ts: owner of the key',
      '401 IDENTITY_INVALID',
      'must prove a key that is enrolled',
      async () => [],
    ),
    async prepare(fleet) {
      const thief = await fleet.enrol('/shop/resumed');
      const { key, cert } = thief.credentials as Credentials;
      const socket = connectTls({
        port: fleet.port,
        host: '127.0.0.1',
        rejectUnauthorized: false,
        key,
        cert,
      });
      const [session] = (await once(socket, 'session')) as [Buffer];
      socket.destroy();
      done(await fleet.operator.post('/v1/identities/revoke', { principal: '/shop/resumed' }));
      return session;
    },
    run: async ({ port }, session: Buffer) => [await exchange(port, { session, minVersion: 'TLSv1.3' })],
  },
  attack(
    'a renegotiation, after which the connection would have another key',
    `${tlsServer}: TLS 1.3`,
    'no renegotiation',
    '',
    async (fleet) => {
      const options = {
        port: fleet.port,
        host: '127.0.0.1',
        rejectUnauthorized: false,
        ...pem(keyOf(fleet)),
      };
      const socket = connectTls(options);
      await once(socket, 'secureConnect');
      const refused = await new Promise<boolean>((resolve) => {
        socket.on('error', () => resolve(true));
        socket.renegotiate({ rejectUnauthorized: false }, (error) => resolve(error !== null));
      });
      socket.destroy();
      return [{ as: refused ? 'no renegotiation' : 'renegotiated', because: '' }];
    },
  ),
  attack(
    'a stream of HTTP/2 without a ticket, beside streams with accepted tickets',
    'service/authenticate/authenticate-handler.ts: ticket present',
    '401',
    'must have a ticket',
    async (fleet) => {
      const session = connectHttp2(`https://127.0.0.1:${String(fleet.servicePort)}`, {
        ...pem(keyOf(fleet)),
        rejectUnauthorized: false,
      });
      const ask = async (headers: Record<string, string>): Promise<Refusal> => {
        const stream = session.request({ ':path': '/', ...headers });
        const [head] = await once(stream, 'response');
        const body = Buffer.concat(await stream.toArray()).toString();
        return { as: String(head[':status']), because: body };
      };
      const honest = ask({ 'clerk-ticket': await fleet.ticketOf(fleet.web) });
      const others = await Promise.all([
        ask({}),
        ask({ ':authority': 'stock.shop' }),
        ask({ cookie: 'clerk-ticket=x' }),
      ]);
      const served = await honest;
      session.destroy();
      fleet.countHonestCall();
      return served.as === '200' ? others : [served];
    },
  ),
];

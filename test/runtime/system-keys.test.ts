import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { isClerkError } from '../../src/core/errors.js';
import { systemKeys } from '../../src/runtime/system-keys.js';

const algorithms = ['Ed25519', 'ES256'] as const;

function rejection(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isClerkError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'accepted';
}

test.each(algorithms)('a new %s certificate is signed by its own key, and never expires', (algorithm) => {
  const { cert, key, pin, name } = systemKeys.create('/shop/orders', algorithm);
  const certificate = new X509Certificate(cert);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(certificate.validTo).toBe('Dec 31 23:59:59 9999 GMT');
  expect(certificate.subjectAltName).toBe('URI:clerk:///shop/orders');
  expect(certificate.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
  expect(systemKeys.pinOf(cert)).toBe(pin);
  expect(systemKeys.pinOf(certificate.raw)).toBe(pin);
  expect(name).toBe('/shop/orders');
});

test('the longest name fits into a certificate', () => {
  const name = `/#a/${['a', 'b', 'c'].map((letter) => letter.repeat(63)).join('/')}/${'d'.repeat(51)}`;
  expect(name).toHaveLength(247);
  const certificate = new X509Certificate(systemKeys.create(name).cert);
  expect(certificate.subjectAltName).toBe(`URI:clerk://${name.replace('#', '%23')}`);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
});

test('two keys have two pins, and two certificates of one key have one pin', () => {
  const { key, pin, cert } = systemKeys.create('/shop/web');
  const other = systemKeys.create('/shop/web');
  expect(other.pin).not.toBe(pin);
  expect(systemKeys.check({ name: '/other', key, cert }).pin).toBe(pin);
});

test.each(algorithms)('credentials with a %s key pass their own check', (algorithm) => {
  const created = systemKeys.create('/shop/web', algorithm);
  const { name, key, cert } = created;
  expect(systemKeys.check({ name, key, cert })).toEqual(created);
  expect(created.algorithm).toBe(algorithm);
  expect(systemKeys.pinOfKey(created.spki)).toBe(created.pin);
});

const web = systemKeys.create('/shop/web');
const secret = web.key.split('\n')[1] as string;
test.each<[string, unknown, RegExp]>([
  ['a text', 'web.identity', /must be an object/],
  ['no name', { key: web.key, cert: web.cert }, /absolute name; got undefined/],
  ['an invalid name', { ...web, name: '/Shop' }, /absolute name; got '\/Shop'/],
  ['no key', { ...web, key: undefined }, /private key in PEM/],
  ['a public key', { ...web, key: web.cert }, /private key in PEM/],
  ['a damaged key', { ...web, key: web.key.replace(secret, secret.slice(4)) }, /private key in PEM/],
  [
    'a key with a passphrase',
    {
      ...web,
      key: createPrivateKey(web.key).export({
        type: 'pkcs8',
        format: 'pem',
        cipher: 'aes-256-cbc',
        passphrase: 'x',
      }),
    },
    /without a passphrase/,
  ],
  ['a certificate that is a key', { ...web, cert: web.key }, /X\.509 certificate/],
  ['no certificate', { ...web, cert: undefined }, /X\.509 certificate/],
  ['the certificate of another key', { ...web, cert: systemKeys.create('/x').cert }, /belong to its key/],
  [
    'an RSA key',
    {
      ...web,
      key: generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey.export({
        type: 'pkcs8',
        format: 'pem',
      }),
    },
    /Ed25519 key or an EC key over P-256; got another key, of type rsa/,
  ],
  [
    'an EC key over P-384',
    {
      ...web,
      key: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({
        type: 'pkcs8',
        format: 'pem',
      }),
    },
    /EC key over P-256/,
  ],
])('refuses %s without quoting a key', (_, credentials, reason) => {
  const message = rejection(() => systemKeys.check(credentials));
  expect(message).toMatch(/^IDENTITY_INVALID: /);
  expect(message).toMatch(reason);
  expect(message).not.toContain(secret);
});

test.each(algorithms)('a %s signature holds for its text and its key alone', (algorithm) => {
  const owner = systemKeys.create('/shop/web', algorithm);
  const signature = systemKeys.sign(owner, 'rotation v1');
  expect(systemKeys.verify(owner.spki, 'rotation v1', signature)).toBe(true);
  expect(systemKeys.verify(owner.spki, 'rotation v2', signature)).toBe(false);
  expect(systemKeys.verify(systemKeys.create('/x', algorithm).spki, 'rotation v1', signature)).toBe(false);
  expect(systemKeys.verify(owner.spki, 'rotation v1', '')).toBe(false);
  expect(systemKeys.verify(new Uint8Array(3), 'rotation v1', signature)).toBe(false);
});

test.each(algorithms)('a mutual TLS 1.3 handshake carries both %s keys', async (algorithm) => {
  const service = systemKeys.create('/shop/orders', algorithm);
  const client = systemKeys.create('/shop/web', algorithm);
  const server = createServer({
    key: service.key,
    cert: service.cert,
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: false,
  });
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const socket = connect({
    host: '127.0.0.1',
    port,
    key: client.key,
    cert: client.cert,
    minVersion: 'TLSv1.3',
    rejectUnauthorized: false,
  });
  await once(socket, 'secureConnect');
  const [peer] = await accepted;
  const pinOf = (end: TLSSocket) => systemKeys.pinOf((end.getPeerX509Certificate() as X509Certificate).raw);
  expect(pinOf(socket)).toBe(service.pin);
  expect(pinOf(peer)).toBe(client.pin);
  socket.destroy();
  peer.destroy();
  server.close();
});

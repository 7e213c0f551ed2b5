/**
 * TLS early data (0-RTT) can be replayed, so no session may permit it: a request with a ticket would be accepted twice. A
 * server permits it by `max_early_data` in the session that it issues.
 */
import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect, type ConnectionOptions } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { securedRegistry } from '../server/secured-registry.js';

/** Tag of `max_early_data` in the ASN.1 form of a session of OpenSSL. The field is left out if it is 0. */
const earlyDataTag = 0xa0 + 15;

/** The elements of the outer sequence of a DER value, by their tags. */
function elementsOf(der: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  const outer = elementAt(der, 0);
  for (let at = outer.from; at < outer.end;) {
    const { tag, from, end } = elementAt(der, at);
    found.set(tag, der.subarray(from, end));
    at = end;
  }
  return found;
}

function elementAt(der: Buffer, at: number): { tag: number; from: number; end: number } {
  const [tag = 0, first = 0] = der.subarray(at);
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  const from = at + 2 + lengthBytes;
  const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
  return { tag, from, end: from + length };
}

async function sessionOf(port: number, options: ConnectionOptions = {}): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  onTestFinished(() => void socket.destroy());
  // A session of TLS 1.3 arrives after the handshake.
  const [session] = (await once(socket, 'session')) as [Buffer];
  expect(socket.getProtocol()).toBe('TLSv1.3');
  return session;
}

test('no session of a registry or of a service permits early data', async () => {
  const { server, operator } = await securedRegistry();
  const own = operator.credentials;
  const credentials = systemKeys.create('/shop/orders');
  const tls = { key: credentials.key, cert: credentials.cert, minVersion: 'TLSv1.3' } as const;
  const services = [createServer(tls), createSecureServer({ ...tls, allowHTTP1: true })];
  const ports = [server.port];
  for (const service of services) {
    service.listen(0, '127.0.0.1');
    await once(service, 'listening');
    onTestFinished(() => void service.close());
    ports.push((service.address() as AddressInfo).port);
  }
  for (const port of ports) {
    const elements = elementsOf(await sessionOf(port, { key: own?.key, cert: own?.cert }));
    // The version of the form, and the session ticket, are always present.
    expect(elements.has(0x02) && elements.has(0xa0 + 10)).toBe(true);
    expect(elements.has(earlyDataTag)).toBe(false);
  }
});

test('the check recognizes a session that permits early data', () => {
  const field = (tag: number, ...bytes: number[]): number[] => [tag, bytes.length, ...bytes];
  const permitted = field(earlyDataTag, ...field(0x02, 0x40, 0x00));
  const session = Buffer.from(field(0x30, ...field(0x02, 1), ...field(0xa0 + 10, 0x04, 1, 7), ...permitted));
  expect(elementsOf(session).has(earlyDataTag)).toBe(true);
});

/** Responses that undici's parser refuses, in the amounts in which programs have met them: no storm, no ejection. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { probeUserAgent } from './raw-peer.js';
import { testClerk } from './test-clerk.js';

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}';
const invalid: Readonly<Record<string, string>> = {
  '304 with a length': 'HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\n\r\n',
  'a head of 20 KB': `HTTP/1.1 200 OK\r\nx-long: ${'a'.repeat(20_000)}\r\ncontent-length: 2\r\n\r\n{}`,
  'an unsolicited 1xx': `HTTP/1.1 100 Continue\r\n\r\n${ok}`,
  'two lengths': 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} ',
  'a space before a colon': 'HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\n{}',
  '101': 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
};

/** A server that responds to `/bad` with a text after a delay, otherwise with `{}`. Counts requests by path. */
async function textServer(text: string, delayMs = 0) {
  const requests = { bad: 0, good: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => {
      const request = bytes.toString('latin1');
      const isBad = request.startsWith('GET /bad ');
      if (request.includes(probeUserAgent)) return void socket.write(ok);
      requests[isBad ? 'bad' : 'good']++;
      if (delayMs === 0) socket.write(isBad ? text : ok);
      else setTimeout(() => socket.write(isBad ? text : ok), delayMs);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { address: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, requests };
}

async function fiveServers(text: string) {
  const servers = await Promise.all(Array.from({ length: 5 }, () => textServer(text)));
  const { clerk } = testClerk(servers.map(({ address }) => address));
  const trouble: string[] = [];
  clerk.on('ejected', ({ endpoint, reason }) => trouble.push(`${endpoint} ejected: ${reason}`));
  clerk.on('suspect', ({ endpoint, reason }) => trouble.push(`${endpoint} suspect: ${reason}`));
  const orders = clerk.bind('/shop/orders');
  const get = (path: string): Promise<string> =>
    orders.text(path).then(
      () => 'ok',
      (error: unknown) => (error as { code: string }).code,
    );
  const sum = (path: 'bad' | 'good'): number =>
    servers.reduce((total, { requests }) => total + requests[path], 0);
  return { get, trouble, sum };
}

test.each(Object.keys(invalid))(
  'half of the GETs to five servers are answered with %s: each is sent once, and the other half succeeds',
  async (what) => {
    const { get, trouble, sum } = await fiveServers(String(invalid[what]));
    for (let round = 0; round < 10; round++) {
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, i) => get(i % 2 === 0 ? '/bad' : '/good')),
      );
      expect(results).toEqual(results.map((_, i) => (i % 2 === 0 ? 'RESPONSE_INVALID' : 'ok')));
    }
    expect([sum('bad'), sum('good')]).toEqual([50, 50]);
    expect(trouble).toEqual([]);
  },
);

test.each(Object.keys(invalid))(
  '180 GETs answered with %s beside 4,500 good ones eject no server, and cause no retry',
  async (what) => {
    const { get, trouble, sum } = await fiveServers(String(invalid[what]));
    const codes = new Map<string, number>();
    for (let round = 0; round < 180; round++) {
      const paths = ['/bad', ...Array.from({ length: 25 }, () => '/good')];
      for (const [i, code] of (await Promise.all(paths.map(get))).entries()) {
        const key = `${String(paths[i])} ${code}`;
        codes.set(key, (codes.get(key) ?? 0) + 1);
      }
    }
    expect(Object.fromEntries(codes)).toEqual({ '/bad RESPONSE_INVALID': 180, '/good ok': 4_500 });
    expect([sum('bad'), sum('good')]).toEqual([180, 4_500]);
    expect(trouble).toEqual([]);
  },
);

test.each(['local-first', 'least-pending'] as const)(
  '%s: a slow server whose responses cannot be parsed gets fewer calls than a fast one',
  async (policy) => {
    const bad = await textServer(String(invalid['two lengths']), 150);
    const good = await textServer(ok);
    const { clerk } = testClerk([bad.address, good.address]);
    const orders = clerk.bind('/shop/orders', { policy, retries: false });
    for (let i = 0; i < 20; i++) await orders.text('/bad').catch(() => undefined);
    // Without a measured load, the bad server would get all calls but one.
    expect(bad.requests.bad).toBeLessThan(10);
    expect(good.requests.bad).toBeGreaterThan(10);
  },
);

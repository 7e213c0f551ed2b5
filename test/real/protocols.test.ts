/**
 * Protocols to endpoints: TLS, HTTP/2, unix sockets, several addresses, TCP. The `Host` header is always the
 * logical host.
 */
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { testClerk } from './test-clerk.js';
import { authority, type Authority, type Certificate } from './certificates.js';
import { h2Peer } from './h2-peer.js';
import { rawPeer } from './raw-peer.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { unusedAddress, webServer } from './web-server.js';

const host = 'orders.shop.clerk';
const hello: RequestListener = (_request, response) => void response.end('{"ok":true}');

let ca: Authority;
let identity: Certificate;
beforeAll(async () => {
  ca = await authority('Our own');
  identity = await ca.issue('127.0.0.1', 'localhost');
});

describe('TLS', () => {
  test.each([
    ['an IP address', '127.0.0.1'],
    ['a host name', 'localhost'],
  ])('with a private authority, by %s', async (_what, name) => {
    const server = await webServer(hello, { tls: identity });
    const { orders } = testClerk([server.address.replace('127.0.0.1', name)], { tls: { ca: ca.cert } });

    expect(await orders.json('/orders')).toEqual({ ok: true });
    expect(await orders.json('/orders', { method: 'POST' })).toEqual({ ok: true });
    expect(server.hosts).toEqual([host, host]);
  });

  test('requests with different Host headers use one connection', async () => {
    const ports = new Set<number | undefined>();
    const answer: RequestListener = (request, response) => {
      ports.add(request.socket.remotePort);
      response.end('{"ok":true}');
    };
    const server = await webServer(answer, { tls: identity });
    const { orders } = testClerk([server.address], { tls: { ca: ca.cert }, connections: 1 });

    for (const name of ['one.example', 'two.example', undefined])
      await orders.json('/orders', name === undefined ? {} : { headers: { host: name } });
    expect(server.hosts).toEqual(['one.example', 'two.example', host]);
    expect(ports.size).toBe(1);
  });

  test('a certificate for another name is rejected before a byte is sent, and the next endpoint is tried', async () => {
    const impostor = await rawPeer('respond', await ca.issue('invoices.example'));
    const server = await webServer(hello, { tls: identity });
    const { orders, outcomes } = testClerk([impostor.address, server.address], { tls: { ca: ca.cert } });

    expect(await orders.json('/orders', { method: 'POST', body: 'one pizza' })).toEqual({ ok: true });
    expect(outcomes.map(({ stage, code }) => [stage, code])).toEqual([
      ['waiting', 'ERR_TLS_CERT_ALTNAME_INVALID'],
      ['answered', '200'],
    ]);
    expect([impostor.requestBytes, impostor.connections]).toEqual([0, 1]);
  });

  test('a certificate for the logical host does not make up for one of the endpoint', async () => {
    const impostor = await rawPeer('respond', await ca.issue(host));
    const { orders } = testClerk([impostor.address], { tls: { ca: ca.cert } });

    const error = await clerkErrorOf(orders.json('/orders'));
    expect([error.code, error.execution, impostor.requestBytes]).toEqual(['ENDPOINTS_EXHAUSTED', 'none', 0]);
  });

  test('https: hosts accept only endpoints with TLS, http: hosts all', async () => {
    const plain = await webServer(hello);
    const secure = await webServer(hello, { tls: identity });
    const both = testClerk([plain.address, secure.address], { tls: { ca: ca.cert } });
    const onlyPlain = testClerk([plain.address]);

    for (let i = 0; i < 6; i++)
      expect(await (await both.clerk.fetch(`https://${host}/orders`)).json()).toEqual({ ok: true });
    expect([plain.requests.length, secure.requests.length]).toEqual([0, 6]);

    const refusal = (await onlyPlain.clerk
      .fetch(`https://${host}/orders`)
      .catch((error: unknown) => error)) as TypeError;
    expect(refusal).toBeInstanceOf(TypeError);
    expect(refusal.cause).toMatchObject({ code: 'NO_ENDPOINT', execution: 'none' });
    expect((await onlyPlain.clerk.fetch(`http://${host}/orders`)).status).toBe(200);
    expect(plain.requests).toHaveLength(1);
  });

  test('presents a client certificate to a server that requests one', async () => {
    const guest = await ca.issue('guest.example');
    const names: unknown[] = [];
    const server = await webServer(
      (request, response) => {
        const socket: unknown = request.socket;
        names.push((socket as TLSSocket).getPeerCertificate().subject.CN);
        response.end('{"ok":true}');
      },
      { tls: { ...identity, ca: ca.cert, requestCert: true, rejectUnauthorized: true } },
    );
    const known = testClerk([server.address], { tls: { ca: ca.cert, ...guest } });
    const unknown = testClerk([server.address], { tls: { ca: ca.cert } });

    expect(await known.orders.json('/orders')).toEqual({ ok: true });
    expect(names).toEqual(['guest.example']);
    await clerkErrorOf(unknown.orders.json('/orders', { timeoutMs: 1_000 }));
    expect(server.requests).toHaveLength(1);
  });
});

describe('HTTP/2', () => {
  const allowH2 = { undici: { allowH2: true } };

  test('carries calls of all kinds on few connections', async () => {
    const peer = await h2Peer(identity, 'respond');
    const { orders, clerk } = testClerk([peer.address], { tls: { ca: ca.cert }, ...allowH2 });

    const responses = await Promise.all([
      ...Array.from({ length: 10 }, (_, i) => orders.json(`/orders/${i}`)),
      ...Array.from({ length: 10 }, () => orders.json('/orders', { method: 'POST', body: 'one pizza' })),
      clerk.fetch(`https://${host}/orders`).then((response) => response.json()),
    ]);

    expect(responses).toEqual(Array(21).fill({ ok: true }));
    expect(peer.executed).toHaveLength(21);
    expect(new Set(peer.authorities)).toEqual(new Set([host]));
  });

  test('is not used unless allowed', async () => {
    const peer = await h2Peer(identity, 'respond');
    const { orders } = testClerk([peer.address], { tls: { ca: ca.cert } });

    expect((await clerkErrorOf(orders.json('/orders'))).execution).not.toBe('done');
    expect(peer.streams).toEqual([]);
  });

  test('an endpoint that fails all streams is ejected, and returns when it responds again', async () => {
    const peer = await h2Peer(identity, 'internal-error');
    const other = await webServer(hello);
    const { orders, clerk } = testClerk([peer.address, other.address], { tls: { ca: ca.cert }, ...allowH2 });
    const revived = new Promise((resolve) => clerk.on('revived', ({ endpoint }) => resolve(endpoint)));

    for (let i = 0; i < 40; i++) await orders.json('/orders');
    expect(orders.explain().candidates.map(({ endpoint }) => endpoint.id)).toEqual([other.address]);
    peer.behavior = 'respond';
    const calls = setInterval(() => void orders.json('/orders').catch(() => undefined), 20);
    onTestFinished(() => clearInterval(calls));

    expect(await revived).toBe(peer.address);
    clearInterval(calls);
    await orders.json('/again');
    expect(peer.executed).toContain('/again');
  });
});

describe('unix sockets', () => {
  test('a call over a unix socket gets its response', async () => {
    const server = await webServer(hello, { unix: true });
    const { orders } = testClerk([server.address]);

    expect(await orders.json('/orders')).toEqual({ ok: true });
    expect(await orders.json('/orders', { method: 'POST' })).toEqual({ ok: true });
    expect(server.hosts).toEqual([host, host]);
  });

  test('with TLS, whose certificate must be for localhost', async () => {
    const server = await webServer(hello, { unix: true, tls: identity });
    const impostor = await webServer(hello, { unix: true, tls: await ca.issue('127.0.0.1') });
    const { orders, clerk } = testClerk([server.address], { tls: { ca: ca.cert } });

    expect(await orders.json('/orders')).toEqual({ ok: true });
    expect(await (await clerk.fetch(`https://${host}/orders`)).json()).toEqual({ ok: true });
    expect(server.hosts).toEqual([host, host]);

    const refused = await clerkErrorOf(
      testClerk([impostor.address], { tls: { ca: ca.cert } }).orders.json('/orders'),
    );
    expect([refused.execution, impostor.requests.length]).toEqual(['none', 0]);
  });

  test('on another host are excluded', async () => {
    const server = await webServer(hello, { unix: true });
    const far = testClerk([{ address: server.address, host: 'elsewhere' }], { host: 'here' });
    const near = testClerk([{ address: server.address, host: 'here' }], { host: 'here' });

    expect((await clerkErrorOf(far.orders.json('/orders'))).code).toBe('NO_ENDPOINT');
    expect(await near.orders.json('/orders')).toEqual({ ok: true });
  });
});

describe('several addresses of one endpoint', () => {
  test.each(['GET', 'POST'])(
    'the next one is dialled when the first one refuses: one attempt, no ejection (%s)',
    async (method) => {
      const server = await webServer(hello);
      const dead = await unusedAddress();
      const { orders, clerk, outcomes } = testClerk([
        { id: 'a', addresses: [dead, 'unix:/nowhere/at/all', server.address] },
      ]);
      const trouble: unknown[] = [];
      clerk.on('ejected', (event) => trouble.push(event)).on('suspect', (event) => trouble.push(event));

      const { body, attempts, endpoint } = await orders.request({ path: '/orders', method });
      await body.dump();
      await orders.json('/orders', { method });

      expect([attempts, endpoint.id, trouble]).toEqual([1, 'a', []]);
      expect(outcomes.map(({ code, address }) => [code, address])).toEqual([
        ['200', server.address],
        ['200', server.address],
      ]);
      expect(server.hosts).toEqual([host, host]);
    },
  );

  test('concurrent calls find the reachable address, and none fails', async () => {
    const server = await webServer(hello);
    const { orders } = testClerk([
      { id: 'a', addresses: [await unusedAddress(), await unusedAddress(), server.address] },
    ]);

    const responses = await Promise.all(
      Array.from({ length: 50 }, (_, i) => orders.json(`/orders/${i}`, { method: i % 2 ? 'GET' : 'POST' })),
    );

    expect(responses).toHaveLength(50);
    expect(server.requests).toHaveLength(50);
  });

  test('the next endpoint is tried only when all of them refuse', async () => {
    const server = await webServer(hello);
    const { orders, outcomes } = testClerk([
      { id: 'a', addresses: [await unusedAddress(), await unusedAddress()] },
      server.address,
    ]);

    expect(await orders.json('/orders', { method: 'POST' })).toEqual({ ok: true });
    expect(outcomes.map(({ endpoint, stage }) => [endpoint, stage])).toEqual([
      ['a', 'waiting'],
      [server.address, 'answered'],
    ]);
  });

  test('an address that is lost later is replaced by the next one', async () => {
    const first = await rawPeer('respond');
    const second = await webServer(hello);
    const { orders, outcomes } = testClerk([{ id: 'a', addresses: [first.address, second.address] }]);

    await orders.json('/orders');
    await first.refuse();
    await sleep(20);
    expect(await orders.json('/orders', { method: 'POST' })).toEqual({ ok: true });
    expect(outcomes.map(({ address }) => address)).toEqual([first.address, second.address]);
  });
});

describe('several addresses of one endpoint, some of them failing', () => {
  test('a first address that stalls is replaced by the next one', async () => {
    const stalling = await rawPeer('stall-in-handshake');
    const server = await webServer(hello, { tls: identity });
    const { orders, clerk } = testClerk([{ id: 'a', addresses: [stalling.address, server.address] }], {
      tls: { ca: ca.cert },
    });
    const trouble: unknown[] = [];
    clerk.on('ejected', (event) => trouble.push(event));

    expect(await orders.json('/orders', { timeoutMs: 3_000 })).toEqual({ ok: true });
    expect(await orders.json('/orders', { method: 'POST', timeoutMs: 3_000 })).toEqual({ ok: true });
    expect(trouble).toEqual([]);
  });

  test('a first address that stays unreachable does not keep the endpoint ejected when the second one recovers', async () => {
    const second = await rawPeer('reset');
    const other = await webServer(hello);
    const { orders, clerk } = testClerk([
      { id: 'a', addresses: [await unusedAddress(), second.address] },
      other.address,
    ]);
    const revived = new Promise((resolve) => clerk.on('revived', ({ endpoint }) => resolve(endpoint)));
    let ejected = '';
    clerk.on('ejected', ({ endpoint }) => (ejected = endpoint));
    while (ejected === '') await orders.json('/orders');
    expect(ejected).toBe('a');
    expect(orders.explain().candidates.map(({ endpoint }) => endpoint.id)).toEqual([other.address]);

    second.behavior = 'respond';
    const calls = setInterval(() => void orders.json('/orders').catch(() => undefined), 20);
    onTestFinished(() => clearInterval(calls));

    expect(await revived).toBe('a');
    clearInterval(calls);
  });

  test('an https: call is never sent unencrypted, whatever the other addresses are', async () => {
    const plain = await webServer(hello);
    const secure = await webServer(hello, { tls: identity });
    const { clerk } = testClerk([{ id: 'a', addresses: [await unusedAddress('https'), plain.address] }], {
      tls: { ca: ca.cert },
    });
    const mixed = testClerk([{ id: 'b', addresses: [plain.address, secure.address] }], {
      tls: { ca: ca.cert },
    });

    expect(await clerk.fetch(`https://${host}/orders`).catch((error: unknown) => error)).toBeInstanceOf(
      TypeError,
    );
    const response = await mixed.clerk.fetch(`https://${host}/orders`).catch((error: unknown) => error);
    expect(plain.requests).toEqual([]);
    expect([response instanceof TypeError || (response as Response).ok, secure.requests.length < 2]).toEqual([
      true,
      true,
    ]);
  });
});

describe('bare TCP', () => {
  async function echo() {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).pipe(socket);
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return { address: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
  }

  async function exchange(address: string, signal?: AbortSignal): Promise<string> {
    const { hostname, port } = new URL(address.replace('tcp:', 'http:'));
    const socket = connect({ host: hostname, port: Number(port), ...(signal && { signal }) });
    try {
      await once(socket, 'connect');
      socket.write('hello');
      const [reply] = (await once(socket, 'data')) as [Buffer];
      return reply.toString();
    } finally {
      socket.destroy();
    }
  }

  test('is for call and acquire; a request is rejected', async () => {
    const { address } = await echo();
    const { orders } = testClerk([address]);

    expect(await orders.call((endpoint, { signal }) => exchange(endpoint.address, signal))).toBe('hello');
    const acquired = await orders.acquire();
    expect(await exchange(acquired.endpoint.address)).toBe('hello');
    acquired.release('success');
    await orders.ready();

    const error = await clerkErrorOf(orders.json('/orders'));
    expect([error.code, error.execution]).toEqual(['CONFIG_INVALID', 'none']);
  });

  test('an idempotent call() retries at the next endpoint, one that must run once does not', async () => {
    const { address } = await echo();
    const dead = (await unusedAddress()).replace('http:', 'tcp:');
    const tried: string[] = [];
    const converse = ({ address: to }: { readonly address: string }): Promise<string> => {
      tried.push(to);
      return exchange(to);
    };

    expect(await testClerk([dead, address]).orders.call(converse, { kind: 'idempotent' })).toBe('hello');
    expect(tried.splice(0)).toEqual([dead, address]);
    const error = await clerkErrorOf(testClerk([dead, address]).orders.call(converse));
    expect([error.code, error.execution]).toEqual(['OUTCOME_UNKNOWN', 'unknown']);
    expect(tried).toEqual([dead]);
  });
});

test('IPv6 literals work like other addresses', async () => {
  const server = createServer(
    (socket) =>
      void socket.once('data', () =>
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}'),
      ),
  );
  const listening = await new Promise<boolean>(
    (resolve) => void server.once('error', () => resolve(false)).listen(0, '::1', () => resolve(true)),
  );
  if (!listening) return;
  onTestFinished(() => void server.close());

  expect(
    await testClerk([`http://[::1]:${(server.address() as AddressInfo).port}`]).orders.json('/orders'),
  ).toEqual({});
});

test('ready() connects without sending anything, and waits while no endpoint is reachable', async () => {
  const peer = await rawPeer('respond');
  const { orders } = testClerk([await unusedAddress(), peer.address]);

  await orders.ready();
  expect([peer.connections, peer.requestBytes]).toEqual([1, 0]);
  expect((await clerkErrorOf(testClerk([await unusedAddress()]).orders.ready({ timeoutMs: 500 }))).code).toBe(
    'DEADLINE_EXCEEDED',
  );
});

/** Addresses to which a clerk does not connect, with real sockets. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createClerk, type ClerkOptions } from '../../src/index.js';

interface Listener {
  readonly bytes: () => string;
  readonly connections: () => number;
}

/** Collects what clients send, and answers each request. */
async function listen(server: Server, ...where: readonly unknown[]): Promise<Listener> {
  let received = '';
  let connections = 0;
  server.on('connection', (socket) => {
    connections++;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      received += String(chunk);
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok');
    });
  });
  server.listen(...(where as [number]));
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { bytes: () => received, connections: () => connections };
}

function bind(registry: NonNullable<ClerkOptions['registry']>, options: ClerkOptions = {}) {
  const clerk = createClerk({ registry, ...options });
  onTestFinished(() => clerk.destroy());
  return clerk.bind('/shop/orders');
}

/** A lookup with a fixed answer, in place of DNS. */
function resolvingTo(...addresses: readonly string[]): ClerkOptions {
  const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  return {
    undici: {
      connect: {
        lookup: (_host: string, { all }: { all?: boolean }, callback: (...args: unknown[]) => void) =>
          all === true ? callback(null, found) : callback(null, found[0]?.address, found[0]?.family),
      },
    },
  };
}

test('a name that leads to a refused address gets no connection; another address of the name is used', async () => {
  const server = createServer();
  const listener = await listen(server, 0, '127.0.0.1');
  const { port } = server.address() as { port: number };
  const registry = { '/shop/orders': `http://orders.example:${String(port)}` };
  // The kernel connects 0.0.0.0 to loopback.
  for (const address of ['0.0.0.0', '::ffff:0.0.0.0', '::'])
    await expect(bind(registry, resolvingTo(address)).text('/', { timeoutMs: 2_000 })).rejects.toMatchObject({
      code: 'ENDPOINTS_EXHAUSTED',
      execution: 'none',
      outcomes: expect.arrayContaining([expect.objectContaining({ code: 'ADDRESS_REFUSED' })]) as unknown,
    });
  expect(listener.connections()).toBe(0);
  expect(await bind(registry, resolvingTo('0.0.0.0', '127.0.0.1')).text('/')).toBe('ok');
  const allowed = bind(registry, { ...resolvingTo('0.0.0.0'), allowAddresses: ['0.0.0.0/32'] });
  expect(await allowed.text('/')).toBe('ok');
});

test.each(['0.0.0.0', '[::]', '[::ffff:0.0.0.0]'])(
  'the literal %s gets no connection, not even from call()',
  async (host) => {
    const server = createServer();
    const listener = await listen(server, 0, '::');
    const { port } = server.address() as { port: number };
    const registry = { '/shop/orders': `http://${host}:${String(port)}` };
    const options = { timeoutMs: 500 };
    await expect(bind(registry).text('/', options)).rejects.toMatchObject({
      code: 'NO_ENDPOINT',
      execution: 'none',
    });
    await expect(bind(registry).call(() => Promise.resolve('called'), options)).rejects.toMatchObject({
      code: 'NO_ENDPOINT',
    });
    expect(listener.connections()).toBe(0);
  },
);

test('a socket that others may write gets no byte, also if its mode changes later', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'clerk-socket-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 's');
  const listener = await listen(createServer(), path);
  const registry = { '/shop/orders': `unix:${path}` };
  const options = { timeoutMs: 500 };
  chmodSync(path, 0o660);
  await expect(bind(registry).text('/', options)).rejects.toMatchObject({ code: 'NO_ENDPOINT' });
  chmodSync(path, 0o600);
  const binding = bind(registry);
  expect(await binding.text('/')).toBe('ok');
  chmodSync(path, 0o606);
  const sent = listener.bytes();
  await expect(binding.text('/', options)).rejects.toMatchObject({ execution: 'none' });
  expect(listener.bytes()).toBe(sent);
  const allowed = bind(registry, { allowAddresses: [`unix:${path}`] });
  expect(await allowed.text('/')).toBe('ok');
});

test('the peer of a connect function of the program is checked before a byte is sent', async () => {
  const server = createServer();
  const listener = await listen(server, 0, '127.0.0.1');
  const { port } = server.address() as { port: number };
  const { connect } = await import('node:net');
  const registry = { '/shop/orders': 'http://orders.example:80' };
  const undici = {
    connect: (_options: unknown, callback: (...args: unknown[]) => void) => {
      const socket = connect(port, '127.0.0.1', () => callback(null, socket));
      Object.defineProperty(socket, 'remoteAddress', { value: '169.254.169.254' });
      return socket;
    },
  } as unknown as NonNullable<ClerkOptions['undici']>;
  await expect(bind(registry, { undici }).text('/', { timeoutMs: 500 })).rejects.toMatchObject({
    execution: 'none',
  });
  expect(listener.bytes()).toBe('');
});

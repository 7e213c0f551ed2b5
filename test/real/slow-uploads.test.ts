/** The attempt timeout runs from the last byte of the request: a slow upload is not late. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { probeUserAgent } from './raw-peer.js';
import { testClerk } from './test-clerk.js';

const bodyBytes = 40 * 1024 * 1024;
const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}';

/** A server that reads 1 MB every 50 ms, and responds at once after the last byte. */
async function slowReader() {
  const seen = { requests: 0, uploadedAfterMs: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let received = 0;
    let allowed = 0;
    const startedAt = performance.now();
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    const timer = setInterval(() => {
      allowed = received + 1024 * 1024;
      socket.resume();
    }, 50);
    socket.on('close', () => clearInterval(timer));
    socket.on('data', (bytes) => {
      if (received === 0) {
        if (bytes.toString('latin1').includes(probeUserAgent)) return void socket.write(ok);
        seen.requests++;
      }
      received += bytes.length;
      if (received >= allowed) socket.pause();
      if (received < bodyBytes) return;
      received = -Infinity;
      seen.uploadedAfterMs = performance.now() - startedAt;
      socket.write(ok);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { address: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, seen };
}

const bodies: readonly [what: string, create: () => FormData | Blob | Buffer | string][] = [
  ['a buffer', () => Buffer.alloc(bodyBytes)],
  ['a string', () => 'x'.repeat(bodyBytes)],
  [
    'a form',
    () => {
      const form = new FormData();
      form.set('file', new Blob([Buffer.alloc(bodyBytes)]));
      return form;
    },
  ],
  ['a blob', () => new Blob([Buffer.alloc(bodyBytes)])],
];

test.each(bodies)(
  'the upload of %s that takes longer than the attempt timeout is not joined, while its response is in time',
  async (_what, create) => {
    const servers = [await slowReader(), await slowReader(), await slowReader()];
    const { clerk, orders, outcomes } = testClerk(
      servers.map(({ address }) => address),
      {},
      // Longer than the server takes to read what the buffers of the connection hold.
      { attemptTimeoutMs: 1_000, timeoutMs: 20_000 },
    );
    const suspects: string[] = [];
    clerk.on('suspect', ({ reason }) => suspects.push(reason));

    expect(await orders.json('/', { method: 'PUT', kind: 'idempotent', body: create() })).toEqual({});

    expect(servers[0]?.seen.uploadedAfterMs).toBeGreaterThan(1_000);
    expect(servers.map(({ seen }) => seen.requests)).toEqual([1, 0, 0]);
    expect(outcomes.map(({ code }) => code)).toEqual(['200']);
    expect(suspects).toEqual([]);
  },
);

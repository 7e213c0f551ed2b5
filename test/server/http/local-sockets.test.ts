import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { checkSockets, isLoopback } from '../../../src/server/http/local-sockets.js';
import { startHarness } from './http-harness.js';

const addresses = ['http://10.0.0.1:80', 'unix+https:/run/a.sock'];
const request = { name: '/a', id: 'a', addresses };

test.each([
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['10.0.0.1', false],
  ['::ffff:10.0.0.1', false],
  ['128.0.0.1', false],
  [undefined, false],
])('%s is loopback: %s', (address, expected) => expect(isLoopback(address)).toBe(expected));

test('a Unix socket is registered over loopback only', async () => {
  expect(() => checkSockets(request, true)).not.toThrow();
  expect(() => checkSockets({ ...request, addresses: ['http://10.0.0.1:80'] }, false)).not.toThrow();
  expect(() => checkSockets(request, false)).toThrow(
    /'unix\+https:\/run\/a\.sock' of \/a is a Unix socket, which clients open on their own host/,
  );
  const { post } = await startHarness();
  expect((await post('/v1/register', request)).status).toBe(200);
});

const own = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address;

test.skipIf(own === undefined)('a registration of a socket over the network is refused', async () => {
  const { names, http } = await startHarness({ host: '0.0.0.0' });
  const response = await fetch(`http://${String(own)}:${String(http.port)}/v1/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  expect([response.status, await response.json()]).toMatchObject([403, { error: { code: 'FORBIDDEN' } }]);
  expect(names.requests).toEqual([]);
});

import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { maxTransfers, TransferSlots } from '../../../src/server/http/transfer-slots.js';
import { startHarness } from './http-harness.js';

class FakeResponse extends EventEmitter {
  destroyed = false;

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function occupiedSlots() {
  const clock = { at: 0, now: () => clock.at };
  const slots = new TransferSlots(clock, 'exports');
  const protectOf = new Map<FakeResponse, () => void>();
  const open = (response = new FakeResponse()): FakeResponse => {
    protectOf.set(response, slots.acquire(response as unknown as ServerResponse));
    return response;
  };
  const protect = (response: FakeResponse | undefined): void => {
    if (response !== undefined) protectOf.get(response)?.();
  };
  return { clock, open, protect, responses: Array.from({ length: maxTransfers }, () => open()) };
}

test('a fifth export is refused until one of the four has ended', () => {
  const { clock, open, responses } = occupiedSlots();
  clock.at = 59_999;
  expect(() => open()).toThrow('The server can run at most 4 exports at the same time; retry later');
  responses[2]?.destroy();
  open();
  expect(() => open()).toThrow('at most 4 exports');
  expect(responses.map(({ destroyed }) => destroyed)).toEqual([false, false, true, false]);
});

test('an export of more than 60 s ends when another client needs its place', () => {
  const { clock, open, responses } = occupiedSlots();
  clock.at = 60_000;
  for (let i = 0; i < maxTransfers; i++) open();
  expect(responses.map(({ destroyed }) => destroyed)).toEqual([true, true, true, true]);
  expect(() => open()).toThrow('at most 4 exports');
});

test('a transfer that is protected does not end after 60 s, and gives its place back when it has ended', () => {
  const { clock, open, protect, responses } = occupiedSlots();
  protect(responses[0]);
  clock.at = 60_000;
  for (let i = 1; i < maxTransfers; i++) open();
  expect(responses.map(({ destroyed }) => destroyed)).toEqual([false, true, true, true]);
  expect(() => open()).toThrow('at most 4 exports');
  responses[0]?.destroy();
  protect(responses[0]);
  open();
  expect(() => open()).toThrow('at most 4 exports');
});

test('a response that was closed before takes no place', () => {
  const { open, responses } = occupiedSlots();
  responses[0]?.destroy();
  const closed = new FakeResponse();
  closed.destroy();
  open(closed);
  open();
  expect(() => open()).toThrow('at most 4 exports');
});

test('a fifth import that arrives at the same time gets 429, and an export does not', async () => {
  const server = await startHarness();
  const head =
    'POST /v1/import HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\ncontent-length: 100\r\n\r\n';
  const sockets = Array.from({ length: maxTransfers }, () => {
    const socket = server.socket();
    socket.write(head);
    return socket;
  });
  const post = () => server.post('/v1/import', '', { 'content-type': 'application/x-ndjson' });
  await expect.poll(async () => (await post()).status).toBe(429);
  expect((await server.get('/v1/export')).status).toBe(200);
  for (const socket of sockets) socket.destroy();
  await expect.poll(async () => (await post()).status).toBe(200);
});

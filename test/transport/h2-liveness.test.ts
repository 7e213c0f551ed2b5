import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { watchLiveness } from '../../src/transport/h2-liveness.js';
import { ManualClock } from '../support/manual-clock.js';

/** A connection over which nothing goes but what the test says, watched with a ping each second. */
function watchedConnection(pingMs: unknown) {
  const clock = new ManualClock();
  const socket = { alpnProtocol: 'h2', destroyed: false, bytesRead: 0, bytesWritten: 0, once: () => socket };
  let silentAt: number | undefined;
  const startedAt = clock.now();
  const onSilent = (): void => {
    silentAt ??= clock.now() - startedAt;
  };
  watchLiveness(socket as unknown as Socket, clock, pingMs as number, onSilent);
  return {
    socket,
    clock,
    silentAt: () => silentAt,
    /** Lets `ms` go by, with `step` in each tenth of a second. */
    pass: (ms: number, step: () => void = () => undefined): void => {
      for (let at = 0; at < ms; at += 100) {
        step();
        clock.advance(100);
      }
    },
  };
}

test('a connection is silent after two and a half intervals in which nothing was read', () => {
  const { socket, pass, silentAt } = watchedConnection(1_000);
  pass(1_000);
  socket.bytesRead += 17;
  pass(20_000, () => (socket.bytesWritten += 2));
  expect(silentAt()).toBe(4_000);
});

test.each([undefined, null, Number.NaN, 0])('nobody looks at pings that come every %s ms', (pingMs) => {
  const { pass, silentAt, clock } = watchedConnection(pingMs);
  pass(10_000);
  expect(silentAt()).toBeUndefined();
  expect(clock.pending).toBe(0);
});

test('what was written since gets its time: the pings wait behind it', () => {
  const { socket, pass, silentAt } = watchedConnection(1_000);
  socket.bytesWritten += 64_000;
  pass(30_000);
  expect(silentAt()).toBe(2_500 + 8_000);
});

test('what was written about the time that something was read last gets its time too', () => {
  const { socket, pass, silentAt } = watchedConnection(1_000);
  pass(1_100);
  socket.bytesWritten += 32_000;
  pass(900);
  // An answer to what went before it.
  socket.bytesRead += 17;
  pass(30_000);
  expect(silentAt()).toBe(2_500 + 2_500 + 4_000);
});

test('what was written before that is forgotten', () => {
  const { socket, pass, silentAt } = watchedConnection(1_000);
  pass(5_000, () => {
    socket.bytesRead += 1;
    socket.bytesWritten += 1_000_000;
  });
  pass(1_000, () => (socket.bytesRead += 1));
  pass(30_000);
  expect(silentAt()).toBe(6_000 + 2_500);
});

test('a connection that goes on taking what is written is not silent', () => {
  const { socket, pass, silentAt } = watchedConnection(1_000);
  pass(20_000, () => (socket.bytesWritten += 1_000));
  expect(silentAt()).toBeUndefined();
});

test('half a minute is the most that anything gets', () => {
  const { socket, pass, silentAt } = watchedConnection(1_000);
  pass(60_000, () => (socket.bytesWritten += 1_000_000));
  expect(silentAt()).toBe(2_500 + 30_000);
});

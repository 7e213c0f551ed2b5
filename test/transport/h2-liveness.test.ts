import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { watchLiveness } from '../../src/transport/h2-liveness.js';
import { ManualClock } from '../support/manual-clock.js';

/** A connection whose byte counters are set by the test, with the given ping interval. */
function watchedConnection(pingMs: unknown) {
  const clock = new ManualClock();
  const socket = { alpnProtocol: 'h2', destroyed: false, bytesRead: 0, bytesWritten: 0, once: () => socket };
  let silentAt: number | undefined;
  const startedAt = clock.now();
  const onSilent = (): void => {
    silentAt ??= clock.now() - startedAt;
  };
  let intervalMs = pingMs as number;
  const pings: number[] = [];
  const sendPing = (): void => void pings.push(clock.now() - startedAt);
  watchLiveness(socket as unknown as Socket, clock, () => intervalMs, sendPing, onSilent);
  return {
    socket,
    clock,
    pings,
    stopPings: () => void (intervalMs = 0),
    silentAt: () => silentAt,
    /** Advances the clock by `ms`, calling `step` every 100 ms. */
    pass: (ms: number, step: () => void = () => undefined): void => {
      for (let at = 0; at < ms; at += 100) {
        step();
        clock.advance(100);
      }
    },
  };
}

test('a connection is silent after 2.5 intervals without a read', () => {
  const { socket, pass, silentAt } = watchedConnection(1_000);
  pass(1_000);
  socket.bytesRead += 17;
  pass(20_000, () => (socket.bytesWritten += 2));
  expect(silentAt()).toBe(4_000);
});

test.each([undefined, null, Number.NaN, 0])('a ping interval of %s is not watched', (pingMs) => {
  const { pass, silentAt, clock, pings } = watchedConnection(pingMs);
  pass(10_000);
  expect(silentAt()).toBeUndefined();
  expect(clock.pending).toBe(0);
  expect(pings).toEqual([]);
});

test('a silent peer gets a ping every interval', () => {
  const { pass, pings } = watchedConnection(1_000);
  pass(10_000);
  expect(pings).toEqual([500, 1_500]);
});

test('a peer that answers each ping gets one every interval', () => {
  const { socket, pass, pings, silentAt } = watchedConnection(1_000);
  let answered = 0;
  pass(5_000, () => {
    if (pings.length > answered) {
      answered = pings.length;
      socket.bytesRead += 17;
    }
  });
  expect(pings).toEqual([500, 1_500, 2_500, 3_500, 4_500]);
  expect(silentAt()).toBeUndefined();
});

test('a peer whose bytes arrive gets no ping', () => {
  const { socket, pass, pings } = watchedConnection(1_000);
  pass(10_000, () => (socket.bytesRead += 1));
  expect(pings).toEqual([]);
});

test('when the interval becomes 0, pings and checks end', () => {
  const { pass, pings, silentAt, stopPings, clock } = watchedConnection(1_000);
  pass(1_000);
  stopPings();
  pass(10_000);
  expect(pings).toEqual([500]);
  expect(silentAt()).toBeUndefined();
  expect(clock.pending).toBe(0);
});

test('bytes written since extend the wait, since pings queue behind them', () => {
  const { socket, pass, silentAt } = watchedConnection(1_000);
  socket.bytesWritten += 64_000;
  pass(30_000);
  expect(silentAt()).toBe(2_500 + 8_000);
});

test('bytes written around the last read extend the wait too', () => {
  const { socket, pass, silentAt } = watchedConnection(1_000);
  pass(1_100);
  socket.bytesWritten += 32_000;
  pass(900);
  // Acknowledges something sent before.
  socket.bytesRead += 17;
  pass(30_000);
  expect(silentAt()).toBe(2_500 + 2_500 + 4_000);
});

test('bytes written before the second to last read do not extend the wait', () => {
  const { socket, pass, silentAt } = watchedConnection(1_000);
  pass(5_000, () => {
    socket.bytesRead += 1;
    socket.bytesWritten += 1_000_000;
  });
  pass(1_000, () => (socket.bytesRead += 1));
  pass(30_000);
  expect(silentAt()).toBe(6_000 + 2_500);
});

test('a connection that keeps accepting bytes is not silent', () => {
  const { socket, pass, silentAt } = watchedConnection(1_000);
  pass(20_000, () => (socket.bytesWritten += 1_000));
  expect(silentAt()).toBeUndefined();
});

test('the wait is extended by 30 s at most', () => {
  const { socket, pass, silentAt } = watchedConnection(1_000);
  pass(60_000, () => (socket.bytesWritten += 1_000_000));
  expect(silentAt()).toBe(2_500 + 30_000);
});

import { expect, test } from 'vitest';
import {
  createFakeRuntime,
  createMemoryNetwork,
  type Behavior,
  type ServerHandler,
} from 'binding-clerk/testing';
import type { Channel } from 'binding-clerk/extend';
import { parseAddress } from '../../../src/core/address.js';
import { toEndpoint } from '../../../src/core/endpoint.js';

const address = 'http://a';

function network(handler?: ServerHandler) {
  const runtime = createFakeRuntime({ seed: 1 });
  const memory = createMemoryNetwork(runtime, { latencyMs: 1 });
  const server = memory.server(address, handler);
  const transport = memory.transport({ connections: 2, maxSockets: 1_000, tls: {}, undici: {} }, runtime);
  const channel = transport.open(
    toEndpoint({ id: 'a', address }, 'the test'),
    [parseAddress(address)],
    'a.clerk',
  );
  const results = (): string => memory.attempts.map(({ result }) => result).join(' ');
  return { runtime, memory, server, channel, results };
}

/** Sends one request and records the calls of its handler. */
function send(channel: Channel, id: string, freshOnly = false): string[] {
  const calls: string[] = [];
  const handler = {
    onConnect: () => void calls.push('connect'),
    onHeaders: (status: number) => calls.push(String(status)) > 0,
    onData: (chunk: Buffer) => calls.push(chunk.toString()) > 0,
    onComplete: () => void calls.push('complete'),
    onError: (error: Error) => void calls.push((error as NodeJS.ErrnoException).code ?? error.message),
    onUpgrade: () => {},
  };
  channel.dispatch({ path: '/', method: 'POST', headers: { 'X-Call-Id': id } }, handler, freshOnly);
  return calls;
}

const behaviors: Record<Behavior, { expected: string; result: string; runs: number }> = {
  respond: { expected: 'connect 200 body complete', result: '200', runs: 1 },
  hang: { expected: 'connect', result: 'no-response', runs: 0 },
  'drop-response': { expected: 'connect', result: 'no-response', runs: 1 },
  'reset-before': { expected: 'connect ECONNRESET', result: 'reset', runs: 0 },
  'reset-after': { expected: 'connect ECONNRESET', result: 'reset', runs: 1 },
  'refuse-stream': { expected: 'connect ERR_HTTP2_STREAM_ERROR', result: 'stream-refused', runs: 0 },
  truncate: { expected: 'connect 200 bo ECONNRESET', result: 'truncated', runs: 1 },
};

for (const [behavior, { expected, result, runs }] of Object.entries(behaviors)) {
  test(`${behavior} gives the documented executions, result and handler calls`, async () => {
    const { runtime, memory, server, channel, results } = network(() => ({
      behavior: behavior as Behavior,
      body: 'body',
    }));
    const calls = send(channel, '1');
    await runtime.advance(100);
    expect(calls.join(' ')).toBe(expected);
    expect(results()).toBe(result);
    expect([memory.executions.get('1') ?? 0, server.executions('1')]).toEqual([runs, runs]);
  });
}

test('adds the latency in both directions and the delays of the server', async () => {
  const { runtime, channel } = network(() => ({ delayMs: 10, bodyDelayMs: 5, body: 'x' }));
  const calls = send(channel, '1');
  // 2 × 1 ms to connect, 1 ms for the request, 10 ms in the server, 1 ms for the head.
  for (const [ms, expected] of [
    [1.9, ''],
    [0.2, 'connect'],
    [11.8, 'connect'],
    [0.2, 'connect 200'],
    [4.8, 'connect 200'],
    [0.2, 'connect 200 x complete'],
  ] as const) {
    await runtime.advance(ms);
    expect(calls.join(' ')).toBe(expected);
  }
});

test('a stalled server accepts no connection until it accepts again, and then can refuse', async () => {
  const { runtime, server, channel, results } = network();
  server.stall();
  const calls = send(channel, '1');
  await runtime.advance(60_000);
  expect(calls).toEqual([]);
  server.accept();
  await runtime.advance(10);
  expect(calls.at(-1)).toBe('complete');
  server.refuse();
  channel.resetConnections();
  send(channel, '2');
  await runtime.advance(10);
  expect(results()).toBe('200 refused');
});

test('a paused server executes the requests that have arrived when it resumes, also aborted ones', async () => {
  const { runtime, memory, server, channel } = network();
  send(channel, 'before');
  await runtime.advance(10);
  server.pause();
  const calls = send(channel, '1');
  await runtime.advance(1_000);
  expect(calls).toEqual(['connect']);
  await channel.destroy(new Error('gone'));
  expect(calls).toEqual(['connect', 'gone']);
  server.resume();
  await runtime.advance(10);
  expect(memory.executions.get('1')).toBe(1);
});

test('a killed server drops its requests and resets its connections', async () => {
  const { runtime, memory, server, channel, results } = network(() => ({ delayMs: 50 }));
  const running = send(channel, 'running');
  await runtime.advance(20);
  const onTheWay = send(channel, 'on the way');
  await runtime.advance(2.5);
  server.kill();
  await runtime.advance(100);
  expect(running.at(-1)).toBe('ECONNRESET');
  expect(onTheWay.at(-1)).toBe('ECONNRESET');
  expect(memory.executions.get('running')).toBe(1);
  expect(memory.executions.get('on the way')).toBeUndefined();
  server.accept();
  send(channel, 'again');
  await runtime.advance(100);
  expect(results()).toBe('reset reset 200');
});

test('a channel queues requests above its maximum of connections', async () => {
  const { runtime, server, channel } = network(() => ({ delayMs: 10 }));
  const calls = [1, 2, 3].map((id) => send(channel, String(id)));
  await runtime.advance(5);
  expect(calls.map((each) => each.join(' '))).toEqual(['connect', 'connect', '']);
  await runtime.advance(30);
  expect(calls.map((each) => each.at(-1))).toEqual(['complete', 'complete', 'complete']);
  expect(server.requests).toBe(3);
});

test('reuses an idle connection at once, and for freshOnly only within a second', async () => {
  const { runtime, channel } = network();
  send(channel, '1', true);
  await runtime.advance(10);
  expect(send(channel, '2', true)).toEqual(['connect']);
  await runtime.advance(1_010);
  expect(send(channel, '3', true)).toEqual([]);
  await runtime.runUntilIdle();
  expect(runtime.pendingTimers).toBe(0);
});

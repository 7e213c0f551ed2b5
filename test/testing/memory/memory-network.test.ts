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

function network(treat?: ServerHandler) {
  const runtime = createFakeRuntime({ seed: 1 });
  const memory = createMemoryNetwork(runtime, { latencyMs: 1 });
  const server = memory.server(address, treat);
  const transport = memory.transport({ connections: 2, tls: {}, undici: {} }, runtime);
  const channel = transport.open(
    toEndpoint({ id: 'a', address }, 'the test'),
    [parseAddress(address)],
    'a.clerk',
  );
  const results = (): string => memory.attempts.map(({ result }) => result).join(' ');
  return { runtime, memory, server, channel, results };
}

/** Sends one request and writes down what is heard of it. */
function send(channel: Channel, id: string, cautious = false): string[] {
  const heard: string[] = [];
  const handler = {
    onConnect: () => void heard.push('connect'),
    onHeaders: (status: number) => heard.push(String(status)) > 0,
    onData: (chunk: Buffer) => heard.push(chunk.toString()) > 0,
    onComplete: () => void heard.push('complete'),
    onError: (error: Error) => void heard.push((error as NodeJS.ErrnoException).code ?? error.message),
    onUpgrade: () => {},
  };
  channel.dispatch({ path: '/', method: 'POST', headers: { 'X-Call-Id': id } }, handler, cautious);
  return heard;
}

const fates: Record<Behavior, { heard: string; result: string; runs: number }> = {
  respond: { heard: 'connect 200 body complete', result: '200', runs: 1 },
  hang: { heard: 'connect', result: 'no-response', runs: 0 },
  'drop-response': { heard: 'connect', result: 'no-response', runs: 1 },
  'reset-before': { heard: 'connect ECONNRESET', result: 'reset', runs: 0 },
  'reset-after': { heard: 'connect ECONNRESET', result: 'reset', runs: 1 },
  'refuse-stream': { heard: 'connect ERR_HTTP2_STREAM_ERROR', result: 'stream-refused', runs: 0 },
  truncate: { heard: 'connect 200 bo ECONNRESET', result: 'truncated', runs: 1 },
};

for (const [fate, { heard, result, runs }] of Object.entries(fates)) {
  test(`${fate}: the truth and what is heard of it`, async () => {
    const { runtime, memory, server, channel, results } = network(() => ({
      behavior: fate as Behavior,
      body: 'body',
    }));
    const words = send(channel, '1');
    await runtime.advance(100);
    expect(words.join(' ')).toBe(heard);
    expect(results()).toBe(result);
    expect([memory.executions.get('1') ?? 0, server.executions('1')]).toEqual([runs, runs]);
  });
}

test('a message takes its time each way, and so does the server', async () => {
  const { runtime, channel } = network(() => ({ delayMs: 10, bodyDelayMs: 5, body: 'x' }));
  const words = send(channel, '1');
  // There and back to connect, there with the request, ten to serve, back with the head.
  for (const [ms, heard] of [
    [1.9, ''],
    [0.2, 'connect'],
    [11.8, 'connect'],
    [0.2, 'connect 200'],
    [4.8, 'connect 200'],
    [0.2, 'connect 200 x complete'],
  ] as const) {
    await runtime.advance(ms);
    expect(words.join(' ')).toBe(heard);
  }
});

test('a stalled server lets nobody in until it accepts, and an unknown address refuses', async () => {
  const { runtime, server, channel, results } = network();
  server.stall();
  const words = send(channel, '1');
  await runtime.advance(60_000);
  expect(words).toEqual([]);
  server.accept();
  await runtime.advance(10);
  expect(words.at(-1)).toBe('complete');
  server.refuse();
  channel.resetConnections();
  send(channel, '2');
  await runtime.advance(10);
  expect(results()).toBe('200 refused');
});

test('a paused server runs all that has arrived when it goes on, also what nobody waits for', async () => {
  const { runtime, memory, server, channel } = network();
  send(channel, 'before');
  await runtime.advance(10);
  server.pause();
  const words = send(channel, '1');
  await runtime.advance(1_000);
  expect(words).toEqual(['connect']);
  await channel.destroy(new Error('gone'));
  expect(words).toEqual(['connect', 'gone']);
  server.resume();
  await runtime.advance(10);
  expect(memory.executions.get('1')).toBe(1);
});

test('a killed server forgets what it was doing, and its connections are gone', async () => {
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

test('a channel has as many connections as it may, and the next request waits its turn', async () => {
  const { runtime, server, channel } = network(() => ({ delayMs: 10 }));
  const words = [1, 2, 3].map((id) => send(channel, String(id)));
  await runtime.advance(5);
  expect(words.map((heard) => heard.join(' '))).toEqual(['connect', 'connect', '']);
  await runtime.advance(30);
  expect(words.map((heard) => heard.at(-1))).toEqual(['complete', 'complete', 'complete']);
  expect(server.requests).toBe(3);
});

test('an idle connection is used at once, a cautious request only within a second', async () => {
  const { runtime, channel } = network();
  send(channel, '1', true);
  await runtime.advance(10);
  expect(send(channel, '2', true)).toEqual(['connect']);
  await runtime.advance(1_010);
  expect(send(channel, '3', true)).toEqual([]);
  await runtime.runUntilIdle();
  expect(runtime.pendingTimers).toBe(0);
});

/** A watch and its reader, in virtual time: what waits, what is dropped, who is cut. */
import { expect, test } from 'vitest';
import { createFakeRuntime } from 'binding-clerk/testing';
import {
  highWaterMarkBytes,
  stallTimeoutMs,
  WatchResponse,
  type ResponseSink,
} from '../../../src/server/http/watch-response.js';
import { limits } from '../../../src/protocol/limits.js';
import { FakeNameService } from './fake-name-service.js';

/** A reader who takes what lies before him when he is told to. */
class Reader implements ResponseSink {
  lying = '';
  taken = '';
  ended: 'end' | 'cut' | undefined;

  write(text: string): void {
    this.lying += text;
  }

  get bufferedBytes(): number {
    return this.lying.length;
  }

  end(): void {
    this.ended = 'end';
  }

  destroy(): void {
    this.ended = 'cut';
  }

  take(): void {
    this.taken += this.lying;
    this.lying = '';
  }

  /** Types of the events taken so far. */
  get events(): string[] {
    return [...(this.taken + this.lying).matchAll(/^event: (.*)$/gm)].map((match) => match[1] as string);
  }
}

const big = { type: 'resync', reason: 'x'.repeat(highWaterMarkBytes) } as const;

async function watched() {
  const runtime = createFakeRuntime({ seed: 1 });
  const names = new FakeNameService();
  const reader = new Reader();
  const counted = { overflows: 0, cuts: 0 };
  const stream = new WatchResponse({
    id: 'w1',
    globs: ['/shop/**'],
    since: undefined,
    incarnation: names.incarnation,
    heartbeatMs: 1_000,
    clock: runtime,
    sink: reader,
    watch: (options) => names.watch(options),
    onOverflow: () => (counted.overflows += 1),
    onDisconnect: () => (counted.cuts += 1),
  });
  await runtime.advance(0);
  const drain = (): void => {
    reader.take();
    stream.onDrain();
  };
  const deleted = (count: number): void => {
    for (let i = 0; i < count; i++) {
      names.revision += 1;
      names.emit({ type: 'delete', name: `/shop/s${i}` });
    }
  };
  /** Lays so much before the reader that the rest waits. */
  const fill = (): void => names.emit(big);
  return { runtime, names, reader, stream, counted, drain, deleted, fill };
}

test('each event has its position, its type and its data', async () => {
  const { names, reader, deleted, drain } = await watched();
  deleted(1);
  drain();
  expect(reader.taken).toBe(
    [
      'id: fake:7\nevent: open\ndata: {"type":"open","watch":"w1","resumed":false,"heartbeatMs":1000,"incarnation":"fake"}\n\n',
      'id: fake:7\nevent: current\ndata: {"type":"current","globs":["/shop/**"]}\n\n',
      'id: fake:8\nevent: delete\ndata: {"type":"delete","name":"/shop/s0"}\n\n',
    ].join(''),
  );
  expect(names.watches).toHaveLength(1);
});

test('a silent watch says that it lives, at the last position it told', async () => {
  const { runtime, names, reader, deleted, drain } = await watched();
  drain();
  reader.taken = '';
  await runtime.advance(999);
  expect(reader.events).toEqual([]);
  await runtime.advance(1);
  expect(reader.events).toEqual(['heartbeat']);
  await runtime.advance(600);
  deleted(1);
  await runtime.advance(999);
  expect(reader.events).toEqual(['heartbeat', 'delete']);
  // The names have moved on and the watch was not told yet: it does not say so.
  names.revision += 5;
  await runtime.advance(1);
  expect(reader.lying.slice(reader.lying.lastIndexOf('id: '))).toBe(
    'id: fake:8\nevent: heartbeat\ndata: {"type":"heartbeat"}\n\n',
  );
});

test.each([limits.maxQueuedEvents - 1, limits.maxQueuedEvents])(
  '%i events wait for a slow reader, and come in order',
  async (count) => {
    const { names, reader, counted, fill, deleted, drain } = await watched();
    fill();
    const before = reader.events.length;
    deleted(count);
    expect(reader.events).toHaveLength(before);
    drain();
    drain();
    const told = [...reader.taken.matchAll(/"name":"\/shop\/s(\d+)"/g)].map((match) => Number(match[1]));
    expect(told).toEqual(Array.from({ length: count }, (_, i) => i));
    expect([counted.overflows, names.watches[0]?.resyncs]).toEqual([0, []]);
  },
);

test('one more and all that waits is dropped; the reader begins anew once he has caught up', async () => {
  const { runtime, names, reader, counted, fill, deleted, drain } = await watched();
  fill();
  deleted(limits.maxQueuedEvents + 1);
  // What happens now is not kept either.
  deleted(1_000);
  expect([counted.overflows, names.watches[0]?.resyncs]).toEqual([1, []]);
  drain();
  reader.taken = '';
  await runtime.advance(0);
  expect(names.watches[0]?.resyncs).toEqual(['more than 256 events waited for a slow reader']);
  expect(reader.events).toEqual(['resync', 'current']);
  drain();
  deleted(1);
  expect(reader.events.at(-1)).toBe('delete');
});

test('while a reader is slow the names wait with what is there', async () => {
  const { names, reader, fill, drain } = await watched();
  const [watch] = names.watches;
  expect(watch?.whenDrained?.()).toBeUndefined();
  fill();
  let isDrained = false;
  const drained = watch?.whenDrained?.()?.then(() => (isDrained = true));
  await Promise.resolve();
  expect([isDrained, reader.bufferedBytes > highWaterMarkBytes]).toEqual([false, true]);
  drain();
  await drained;
  expect(watch?.whenDrained?.()).toBeUndefined();
});

test('an edit is handed on', async () => {
  const { names, stream } = await watched();
  stream.edit(['/other/**'], ['/shop/**']);
  expect(names.watches[0]?.edits).toEqual([{ add: ['/other/**'], remove: ['/shop/**'] }]);
  expect(() => stream.edit(['other'], [])).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
});

test('a reader that takes nothing is cut after 5 s, and not before', async () => {
  const { runtime, names, reader, counted, fill } = await watched();
  fill();
  await runtime.advance(stallTimeoutMs - 1);
  expect(reader.ended).toBeUndefined();
  await runtime.advance(1);
  expect([reader.ended, counted.cuts, names.watches[0]?.isClosed]).toEqual(['cut', 1, true]);
  expect(runtime.pendingTimers).toBe(0);
});

test('a reader that takes it in time is not cut', async () => {
  const { runtime, reader, fill, drain } = await watched();
  for (let i = 0; i < 10; i++) {
    fill();
    await runtime.advance(stallTimeoutMs - 1);
    drain();
  }
  expect(reader.ended).toBeUndefined();
});

test('the end is told with the last position, and nothing comes after it', async () => {
  const { runtime, names, reader, stream, deleted } = await watched();
  stream.end();
  stream.end();
  expect(reader.events.at(-1)).toBe('heartbeat');
  expect([reader.ended, names.watches[0]?.isClosed]).toEqual(['end', true]);
  const before = reader.events.length;
  deleted(3);
  await runtime.advance(60_000);
  expect(reader.events).toHaveLength(before);
  expect(runtime.pendingTimers).toBe(0);
});

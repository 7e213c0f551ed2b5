import { expect, test } from 'vitest';
import { createFakeRuntime } from 'binding-clerk/testing';
import {
  highWaterMarkBytes,
  stallTimeoutMs,
  WatchBacklog,
  type ResponseSink,
} from '../../../src/server/http/watch-backlog.js';
import { limits } from '../../../src/protocol/limits.js';
import { FakeNameService } from './fake-name-service.js';

/** A sink whose client reads only when a test says so. */
class ManualSink implements ResponseSink {
  buffered = '';
  read = '';
  ending: 'ended' | 'destroyed' | undefined;

  write(text: string): void {
    this.buffered += text;
  }

  get bufferedBytes(): number {
    return this.buffered.length;
  }

  end(): void {
    this.ending = 'ended';
  }

  destroy(): void {
    this.ending = 'destroyed';
  }

  readAll(): void {
    this.read += this.buffered;
    this.buffered = '';
  }

  /** Types of the events written so far. */
  get events(): string[] {
    return [...(this.read + this.buffered).matchAll(/^event: (.*)$/gm)].map((match) => match[1] as string);
  }
}

const largeEvent = { type: 'resync', reason: 'x'.repeat(highWaterMarkBytes) } as const;

async function createWatch() {
  const runtime = createFakeRuntime({ seed: 1 });
  const names = new FakeNameService();
  const sink = new ManualSink();
  const counts = { overflows: 0, disconnects: 0 };
  const stream = new WatchBacklog({
    id: 'w1',
    globs: ['/shop/**'],
    since: undefined,
    incarnation: names.incarnation,
    clock: runtime,
    sink,
    watch: (options) => names.watch(options),
    onOverflow: () => (counts.overflows += 1),
    onDisconnect: () => (counts.disconnects += 1),
  });
  await runtime.advance(0);
  const drain = (): void => {
    sink.readAll();
    stream.onDrain();
  };
  const deleteNames = (count: number): void => {
    for (let i = 0; i < count; i++) {
      names.revision += 1;
      names.emit({ type: 'delete', name: `/shop/s${i}` });
    }
  };
  /** Writes so much that later events are queued. */
  const fill = (): void => names.emit(largeEvent);
  return { runtime, names, sink, stream, counts, drain, deleteNames, fill };
}

test('each event has an id, a type and data', async () => {
  const { names, sink, deleteNames, drain } = await createWatch();
  deleteNames(1);
  drain();
  expect(sink.read).toBe(
    [
      'id: fake:7:m\nevent: open\ndata: {"type":"open","statedAt":1000,"watch":"w1","resumed":false,"heartbeatMs":5000,"incarnation":"fake"}\n\n',
      'id: fake:7:m\nevent: current\ndata: {"type":"current","globs":["/shop/**"]}\n\n',
      'id: fake:8:m\nevent: delete\ndata: {"type":"delete","name":"/shop/s0"}\n\n',
    ].join(''),
  );
  expect(names.watches).toHaveLength(1);
});

test.each([limits.maxQueuedEvents - 1, limits.maxQueuedEvents])(
  '%i events are queued for a slow client, in order',
  async (count) => {
    const { names, sink, counts, fill, deleteNames, drain } = await createWatch();
    fill();
    const before = sink.events.length;
    deleteNames(count);
    expect(sink.events).toHaveLength(before);
    drain();
    drain();
    const numbers = [...sink.read.matchAll(/"name":"\/shop\/s(\d+)"/g)].map((match) => Number(match[1]));
    expect(numbers).toEqual(Array.from({ length: count }, (_, i) => i));
    expect([counts.overflows, names.watches[0]?.resyncs]).toEqual([0, []]);
  },
);

test('one more event drops the queue, and the client gets a resync once it has caught up', async () => {
  const { runtime, names, sink, counts, fill, deleteNames, drain } = await createWatch();
  fill();
  deleteNames(limits.maxQueuedEvents + 1);
  // Later events are dropped too.
  deleteNames(1_000);
  expect([counts.overflows, names.watches[0]?.resyncs]).toEqual([1, []]);
  drain();
  sink.read = '';
  await runtime.advance(0);
  expect(names.watches[0]?.resyncs).toEqual([
    'the client read too slowly: the queue of at most 256 events and 65536 bytes overflowed',
  ]);
  expect(sink.events).toEqual(['resync', 'current']);
  drain();
  deleteNames(1);
  expect(sink.events.at(-1)).toBe('delete');
});

test('the name server pauses a snapshot for a slow client', async () => {
  const { names, sink, fill, drain } = await createWatch();
  const [watch] = names.watches;
  expect(watch?.whenDrained?.()).toBeUndefined();
  fill();
  let isDrained = false;
  const drained = watch?.whenDrained?.()?.then(() => (isDrained = true));
  await Promise.resolve();
  expect([isDrained, sink.bufferedBytes > highWaterMarkBytes]).toEqual([false, true]);
  drain();
  await drained;
  expect(watch?.whenDrained?.()).toBeUndefined();
});

test('an edit is passed to the name server', async () => {
  const { names, stream } = await createWatch();
  stream.edit(['/other/**'], ['/shop/**']);
  expect(names.watches[0]?.edits).toEqual([{ add: ['/other/**'], remove: ['/shop/**'] }]);
  expect(() => stream.edit(['other'], [])).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
});

test('a client that reads nothing for 5 s is disconnected', async () => {
  const { runtime, names, sink, counts, fill } = await createWatch();
  fill();
  await runtime.advance(stallTimeoutMs - 1);
  expect(sink.ending).toBeUndefined();
  await runtime.advance(1);
  expect([sink.ending, counts.disconnects, names.watches[0]?.isClosed]).toEqual(['destroyed', 1, true]);
  expect(runtime.pendingTimers).toBe(0);
});

test('a client that reads in time is not disconnected', async () => {
  const { runtime, sink, fill, drain } = await createWatch();
  for (let i = 0; i < 10; i++) {
    fill();
    await runtime.advance(stallTimeoutMs - 1);
    drain();
  }
  expect(sink.ending).toBeUndefined();
});

test('the end sends the last position, and nothing follows', async () => {
  const { runtime, names, sink, stream, deleteNames } = await createWatch();
  stream.end();
  stream.end();
  expect(sink.events.at(-1)).toBe('heartbeat');
  expect([sink.ending, names.watches[0]?.isClosed]).toEqual(['ended', true]);
  const before = sink.events.length;
  deleteNames(3);
  await runtime.advance(60_000);
  expect(sink.events).toHaveLength(before);
  expect(runtime.pendingTimers).toBe(0);
});

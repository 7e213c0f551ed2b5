import { expect, test } from 'vitest';
import { createFakeRuntime } from '../../../src/testing/fake-runtime.js';
import { HintStream, type HintEvents } from '../../../src/server/store/hint-stream.js';

function create() {
  const clock = createFakeRuntime({ seed: 1 });
  const opened: HintEvents[] = [];
  let closed = 0;
  let hints = 0;
  const stream = new HintStream(clock, (events) => {
    opened.push(events);
    return () => {
      closed++;
    };
  });
  const remove = stream.add(() => hints++);
  stream.start();
  return { clock, stream, opened, remove, state: () => ({ opened: opened.length, closed, hints }) };
}

test('listeners learn of each event until they are removed', () => {
  const { opened, remove, state } = create();
  opened[0]?.onHint(undefined);
  opened[0]?.onHint(1);
  remove();
  opened[0]?.onHint(2);
  expect(state().hints).toBe(2);
});

test('a stream that ends is opened again, less and less often while it reports nothing', async () => {
  const { clock, opened, state } = create();
  for (let i = 0; i < 8; i++) {
    opened.at(-1)?.onEnd();
    opened.at(-1)?.onEnd();
    await clock.advance(2_000);
    expect(state().opened).toBe(i + 2);
  }
  opened.at(-1)?.onEnd();
  await clock.advance(500);
  expect(state().opened).toBe(9);
  await clock.advance(2_000);
  opened.at(-1)?.onHint(undefined);
  opened.at(-1)?.onEnd();
  await clock.advance(100);
  expect(state().opened).toBe(11);
});

test('a stream that is silent about a known batch for 2 s is opened again', async () => {
  const { clock, stream, opened, state } = create();
  opened[0]?.onHint(7);
  stream.expect(7);
  await clock.advance(10_000);
  stream.expect(7);
  expect(state().opened).toBe(1);
  stream.expect(8);
  await clock.advance(1_999);
  stream.expect(8);
  expect(state().closed).toBe(0);
  await clock.advance(1);
  stream.expect(9);
  await clock.advance(100);
  expect(state()).toMatchObject({ opened: 2, closed: 1 });
});

test('a hint that arrives late is not silence', async () => {
  const { clock, stream, opened, state } = create();
  stream.expect(1);
  await clock.advance(1_900);
  opened[0]?.onHint(1);
  stream.expect(2);
  await clock.advance(1_900);
  stream.expect(2);
  expect(state()).toMatchObject({ opened: 1, closed: 0 });
});

test('nothing happens after the close', async () => {
  const { clock, stream, opened, state } = create();
  opened[0]?.onEnd();
  stream.close();
  await clock.advance(10_000);
  expect(state().opened).toBe(1);
  expect(clock.pendingTimers).toBe(0);
});

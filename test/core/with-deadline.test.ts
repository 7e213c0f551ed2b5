import { expect, test } from 'vitest';
import { createFakeRuntime } from 'binding-clerk/testing';
import { withDeadline } from '../../src/core/with-deadline.js';

function start() {
  const runtime = createFakeRuntime({ seed: 1 });
  const parent = new AbortController();
  const signals: AbortSignal[] = [];
  let settle!: { resolve(value: string): void; reject(error: unknown): void };
  const run = (): Promise<string> =>
    withDeadline(
      {
        clock: runtime,
        limitMs: 100,
        onTimeout: () => new Error('too late'),
        parents: [
          { signal: undefined, error: () => new Error('no signal has aborted') },
          { signal: parent.signal, error: ({ reason }) => new Error(`parent: ${String(reason)}`) },
        ],
      },
      (signal) => {
        signals.push(signal);
        return new Promise((resolve, reject) => (settle = { resolve, reject }));
      },
    );
  return { runtime, parent, signals, run, settle: () => settle };
}

test('the result of the work in time is returned, and its signal does not abort later', async () => {
  const { runtime, parent, signals, run, settle } = start();
  const result = run();
  settle().resolve('done');
  expect(await result).toBe('done');
  parent.abort('late');
  await runtime.advance(1_000);
  expect(signals[0]?.aborted).toBe(false);
});

test('at the limit, the work is aborted, and its later result is ignored', async () => {
  const { runtime, signals, run, settle } = start();
  const result = run();
  result.catch(() => undefined);
  await runtime.advance(99);
  expect(signals[0]?.aborted).toBe(false);
  await runtime.advance(2);
  await expect(result).rejects.toThrow('too late');
  expect(signals[0]?.reason).toEqual(new Error('too late'));
  settle().reject(new Error('ignored'));
});

test('without a limit, the work has no timer', async () => {
  const runtime = createFakeRuntime({ seed: 1 });
  const deadline = {
    clock: runtime,
    limitMs: undefined,
    onTimeout: () => new Error('too late'),
    parents: [],
  };
  let resolve!: (value: string) => void;
  const result = withDeadline(deadline, () => new Promise<string>((r) => (resolve = r)));
  expect(runtime.pendingTimers).toBe(0);
  resolve('done');
  expect(await result).toBe('done');
});

test.each([undefined, false, true])(
  'the timer keeps the process alive only if it is asked for (%s)',
  (keepsAlive) => {
    const runtime = createFakeRuntime({ seed: 1 });
    const deadline = { clock: runtime, limitMs: 100, onTimeout: () => new Error('too late'), parents: [] };
    void withDeadline(
      { ...deadline, ...(keepsAlive !== undefined && { keepsAlive }) },
      () => new Promise(() => undefined),
    );
    expect(runtime.refTimers).toBe(keepsAlive === true ? 1 : 0);
  },
);

test('with abortsOnSuccess, the signal of the work aborts with its result', async () => {
  const clock = createFakeRuntime({ seed: 1 });
  const deadline = { clock, limitMs: 100, onTimeout: () => new Error('too late'), parents: [] };
  const signals: AbortSignal[] = [];
  const run = async (signal: AbortSignal): Promise<string> => {
    signals.push(signal);
    return 'done';
  };
  expect(await withDeadline({ ...deadline, abortsOnSuccess: true }, run)).toBe('done');
  await withDeadline(deadline, run);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
});

test('a parent aborts the work with its reason', async () => {
  const { parent, signals, run } = start();
  const result = run();
  parent.abort('stop');
  await expect(result).rejects.toThrow('parent: stop');
  expect(signals[0]?.aborted).toBe(true);
});

test('a parent that has aborted before keeps the work from its start', async () => {
  const { parent, signals, run } = start();
  parent.abort('stop');
  await expect(run()).rejects.toThrow('parent: stop');
  expect(signals).toEqual([]);
});

test('an error of the work aborts its signal, so that its other parts end', async () => {
  const { signals, run, settle } = start();
  const result = run();
  settle().reject(new Error('broken'));
  await expect(result).rejects.toThrow('broken');
  expect(signals[0]?.aborted).toBe(true);
});

test('a parent that is used for 1,000 works keeps none of their listeners', async () => {
  const { EventTarget } = globalThis;
  const counts = { added: 0, removed: 0 };
  const parent = Object.assign(new EventTarget(), { aborted: false }) as unknown as AbortSignal;
  const { addEventListener, removeEventListener } = parent;
  parent.addEventListener = (...args: never[]) => {
    counts.added++;
    Reflect.apply(addEventListener, parent, args);
  };
  parent.removeEventListener = (...args: never[]) => {
    counts.removed++;
    Reflect.apply(removeEventListener, parent, args);
  };
  const runtime = createFakeRuntime({ seed: 1 });
  for (let i = 0; i < 1_000; i++) {
    const deadline = {
      clock: runtime,
      limitMs: 100,
      onTimeout: () => new Error('too late'),
      parents: [{ signal: parent, error: () => undefined }],
    };
    await withDeadline(deadline, async () => i);
  }
  expect(counts).toEqual({ added: 1_000, removed: 1_000 });
});

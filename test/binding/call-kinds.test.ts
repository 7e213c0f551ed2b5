/** Which kind a `call()` has: that of its options, else that of its binding, else `once`. In virtual time. */
import { expect, onTestFinished, test } from 'vitest';
import type { CallKind } from 'binding-clerk';
import { memoryCluster } from 'binding-clerk/testing';

test.each<[CallKind | undefined, CallKind | undefined, number]>([
  [undefined, undefined, 1],
  ['once', undefined, 1],
  ['safe', 'once', 1],
  ['safe', undefined, 2],
  ['idempotent', undefined, 2],
  ['once', 'idempotent', 2],
])(
  'in a binding of kind %s a late function of kind %s runs at %i endpoints',
  async (ofBinding, ofCall, runs) => {
    const { clerk, runtime } = memoryCluster({ '/s': ['a', 'b', 'c'] }, { seed: 1 });
    onTestFinished(() => clerk.destroy());
    const binding = clerk.bind('/s', ofBinding === undefined ? {} : { kind: ofBinding });
    let started = 0;

    await binding.call(
      () => {
        const delayMs = started++ === 0 ? 2_000 : 100;
        return new Promise<void>((resolve) => void runtime.setTimer(resolve, delayMs));
      },
      ofCall === undefined ? {} : { kind: ofCall },
    );

    expect(started).toBe(runs);
  },
);

import { describe, expect, test } from 'vitest';
import { CallShares } from '../../../src/service/at-most-once/call-shares.js';
import { fairCallsOf } from '../../../src/service/at-most-once/fair-calls.js';
import { memoryCalls } from '../../../src/service/at-most-once/store/memory-idempotency-store.js';
import { callId } from './guarded-service.js';

const minute = 60_000;
const day = 86_400_000;

/** Adds calls of a caller while it is admitted. @returns the number of admitted calls */
function fill(shares: CallShares, caller: string, stored: { calls: number }, maxCalls: number): number {
  let admitted = 0;
  while (stored.calls < maxCalls && shares.admits(caller, { calls: stored.calls, maxCalls })) {
    shares.add(caller, day);
    stored.calls++;
    admitted++;
  }
  return admitted;
}

describe('shares of a store', () => {
  test('one caller takes three quarters, and there is room for the next', () => {
    const [shares, stored] = [new CallShares(), { calls: 0 }];
    expect(fill(shares, 'a', stored, 1_000)).toBe(750);
    expect(fill(shares, 'b', stored, 1_000)).toBeGreaterThan(150);
    for (let i = 0; i < 50; i++) fill(shares, `c${String(i)}`, stored, 1_000);
    expect(shares.admits('honest', { calls: stored.calls, maxCalls: 1_000 })).toBe(true);
  });

  test('the size of a store counts as well as its number of calls', () => {
    const shares = new CallShares();
    for (let i = 0; i < 400; i++) shares.add('a', day);
    expect(shares.admits('a', { calls: 400, maxCalls: 1_000, bytes: 10, maxBytes: 100 })).toBe(true);
    expect(shares.admits('a', { calls: 400, maxCalls: 1_000, bytes: 90, maxBytes: 100 })).toBe(false);
  });

  test('expired and removed calls no longer count', () => {
    const shares = new CallShares();
    for (let i = 0; i < 10; i++) shares.add('a', day + i * minute);
    const usage = { calls: 97, maxCalls: 100 };
    expect(shares.admits('a', usage)).toBe(false);
    shares.expire(day + 5 * minute);
    expect(shares.admits('a', usage)).toBe(true);
    for (let i = 0; i < 20; i++) shares.remove('a', day + i * minute);
    for (let i = 0; i < 8; i++) shares.add('a', day + 20 * minute);
    expect(shares.admits('a', usage)).toBe(true);
    shares.add('a', day + 20 * minute);
    expect(shares.admits('a', usage)).toBe(false);
  });
});

describe('a store with shares', () => {
  const call = (number: number, caller: string) => ({
    ...{ id: callId(day, number), createdAt: day, fingerprint: 'f', owner: 'o', caller },
  });

  test('a greedy caller gets stored calls, and no further ones', async () => {
    const store = fairCallsOf(memoryCalls({ maxCalls: 100 }));
    let stored = 0;
    for (let i = 0; i < 100; i++)
      await store.begin(call(i, 'stranger')).then(
        () => stored++,
        () => undefined,
      );
    expect(stored).toBe(75);
    await expect(store.begin(call(99, 'stranger'))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    await expect(store.begin(call(0, 'stranger'))).resolves.toMatchObject({ state: 'running' });
    await expect(store.begin(call(200, 'honest'))).resolves.toEqual({ state: 'new' });
    await store.withdraw(callId(day, 0));
    await store.withdraw(callId(day, 1));
    await expect(store.begin(call(99, 'stranger'))).resolves.toEqual({ state: 'new' });
  });

  test('the responses of the caller with the most bytes are dropped first', async () => {
    const store = memoryCalls({ maxBytes: 1_000 });
    const end = async (number: number, caller: string): Promise<void> => {
      await store.begin(call(number, caller));
      const response = { status: 200, headers: [], body: Buffer.alloc(100) };
      await store.end(callId(day, number), { state: 'done', response });
    };
    await end(1, 'honest');
    for (let i = 2; i < 50; i++) await end(i, 'stranger');
    expect(await store.begin(call(1, 'honest'))).toMatchObject({ response: { status: 200 } });
    expect(await store.begin(call(2, 'stranger'))).toMatchObject({ state: 'done', response: undefined });
    expect(await store.begin(call(49, 'stranger'))).toMatchObject({ response: { status: 200 } });
  });
});

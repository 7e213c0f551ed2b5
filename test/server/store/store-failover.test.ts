import { expect, test } from 'vitest';
import { createFakeRuntime } from '../../../src/testing/fake-runtime.js';
import { StoreFailover } from '../../../src/server/store/store-failover.js';

class Failure extends Error {
  constructor(readonly isUnsent: boolean) {
    super('refused');
  }
}

function create(names: readonly string[]) {
  const clock = createFakeRuntime({ seed: 1, autoAdvance: true });
  const members = new StoreFailover(names, clock, 'The store', (error) =>
    error instanceof Failure ? error : undefined,
  );
  return { clock, members };
}

test('a request that fails at one member is repeated at the next one at once, which then stays the first', async () => {
  const { clock, members } = create(['a', 'b', 'c']);
  const startedAt = clock.now();
  const tried: number[] = [];
  let repeated = 0;
  const attempt = async (member: number): Promise<string> => {
    tried.push(member);
    if (member !== 2) throw new Failure(true);
    return 'answer';
  };
  expect(await members.call({ onRepeat: () => repeated++ }, attempt)).toBe('answer');
  expect(await members.call({}, attempt)).toBe('answer');
  expect(tried).toEqual([0, 1, 2, 2]);
  expect([repeated, clock.now() - startedAt]).toEqual([2, 0]);
});

test('concurrent failures of one member leave that member once', async () => {
  const { members } = create(['a', 'b', 'c']);
  members.leave(0);
  members.leave(0);
  expect(members.current).toBe(1);
});

test.each([
  [true, 'none'],
  [false, 'unknown'],
] as const)('without an answer, a call fails in time (unsent: %s)', async (isUnsent, execution) => {
  const { clock, members } = create(['a', 'b']);
  const startedAt = clock.now();
  let tries = 0;
  const call = members.call({ timeoutMs: 4_000 }, async () => {
    tries++;
    // One attempt was not sent.
    throw new Failure(isUnsent || tries > 1);
  });
  const result = expect(call).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    execution,
    message: expect.stringContaining(
      'The store did not respond: a: refused; b: refused. Check that the database is running',
    ),
  });
  await clock.advance(4_000);
  await result;
  expect(clock.now() - startedAt).toBeLessThanOrEqual(4_000);
  // A pause follows each round, so an engine that is away is not flooded.
  expect(tries).toBeGreaterThan(10);
  expect(tries).toBeLessThan(60);
});

test('no attempt gets more time than is left', async () => {
  const { clock, members } = create(['a']);
  const limits: number[] = [];
  const call = members.call({ timeoutMs: 2_000, attemptTimeoutMs: 1_500 }, async (_member, timeoutMs) => {
    limits.push(timeoutMs);
    await new Promise<void>((resolve) => void clock.setTimer(resolve, timeoutMs));
    throw new Failure(false);
  });
  const result = expect(call).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  await clock.advance(3_000);
  await result;
  expect(limits[0]).toBe(1_500);
  expect(limits[1]).toBeLessThan(500);
});

test('an error that a repetition does not change ends the call', async () => {
  const { members } = create(['a', 'b']);
  let tries = 0;
  const call = members.call({}, async () => {
    tries++;
    throw new Error('wrong password');
  });
  await expect(call).rejects.toThrow('wrong password');
  expect(tries).toBe(1);
});

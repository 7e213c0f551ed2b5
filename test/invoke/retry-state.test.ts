import { AsyncResource } from 'node:async_hooks';
import { expect, test } from 'vitest';
import type { CallKind } from '../../src/core/idempotency.js';
import { ClerkError, isClerkError } from '../../src/core/errors.js';
import type { Stage } from '../../src/core/outcome.js';
import { abortedError, deadlineError } from '../../src/invoke/call-errors.js';
import { defaultRetries } from '../../src/invoke/retry-settings.js';
import { RetryState, type RetriedCall } from '../../src/invoke/retry-state.js';
import { flushPromises } from '../support/manual-clock.js';
import { candidate, FakeCallContext } from './fake-call-context.js';

const constraints = { affinity: undefined, tlsOnly: false };

function createState(
  context: FakeCallContext,
  kind: CallKind = 'safe',
  isReplayable = true,
  timeoutMs = 10_000,
  more: Partial<RetriedCall> = {},
): RetryState {
  const startedAt = context.clock.now();
  return new RetryState(context, context, {
    kind,
    constraints,
    isReplayable,
    retries: defaultRetries,
    budget: context.budget,
    isNestedRetry: false,
    waitsForReady: false,
    isPending: false,
    asyncContext: new AsyncResource('TEST'),
    startedAt,
    deadlineAt: startedAt + timeoutMs,
    ...more,
  });
}

/** Records a failed attempt at an endpoint. */
function recordFailure(state: RetryState, id: string, stage: Stage = 'waiting', code = 'ECONNREFUSED'): void {
  const address = { text: `http://${id}:80` };
  const number = state.outcomes.length + 1;
  state.record(
    { candidate: candidate(id), address, number, pickReason: 'random', stage },
    'failure',
    code,
    3,
    connectError,
  );
}

const connectError = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

/** Id of the next endpoint; spends the reserved retry as a sent attempt does. */
async function nextId(state: RetryState): Promise<string> {
  const { endpoint } = await state.nextCandidate();
  if (state.takeReservedRetry()) state.call.budget.spent(state.context.clock.now());
  return endpoint.id;
}

/** `pending`, `resolved` or the error code of a promise, after all microtasks have run. */
async function settlementOf(promise: Promise<unknown>): Promise<string> {
  return Promise.race([
    promise.then(
      () => 'resolved',
      (error: unknown) => (isClerkError(error) ? error.code : String(error)),
    ),
    flushPromises().then(() => 'pending'),
  ]);
}

test('each attempt goes to an untried endpoint, until none is left', async () => {
  const context = new FakeCallContext('a', 'b', 'c');
  const state = createState(context);
  recordFailure(state, 'a');
  expect(await nextId(state)).toBe('b');
  recordFailure(state, 'b');
  expect(await nextId(state)).toBe('c');
  recordFailure(state, 'c');
  context.clock.advance(12.345);
  expect(context.refreshes).toEqual([]);
  await expect(state.nextCandidate()).rejects.toMatchObject({
    code: 'ENDPOINTS_EXHAUSTED',
    execution: 'none',
    message:
      'No endpoint of /shop/orders responded: 3 attempts in 12 ms, the last attempt failed with ECONNREFUSED',
    cause: connectError,
  });
  expect(context.refreshes).toEqual([['a', 'b', 'c']]);
});

test('a new endpoint in a refreshed resolution gets one more attempt', async () => {
  const context = new FakeCallContext('a');
  const state = createState(context);
  context.onRefresh = () => {
    context.candidates.push(candidate('new'));
  };
  recordFailure(state, 'a');
  expect(await nextId(state)).toBe('new');
  recordFailure(state, 'new');
  await expect(state.nextCandidate()).rejects.toMatchObject({ code: 'ENDPOINTS_EXHAUSTED' });
  expect(context.refreshes).toHaveLength(1);
});

test('a call has at most five attempts', async () => {
  const context = new FakeCallContext('a', 'b', 'c', 'd', 'e', 'f', 'g');
  const state = createState(context);
  for (const id of ['a', 'b', 'c', 'd']) {
    recordFailure(state, id);
    await state.nextCandidate();
  }
  recordFailure(state, 'e');
  await expect(state.nextCandidate()).rejects.toMatchObject({
    code: 'ENDPOINTS_EXHAUSTED',
    outcomes: { length: 5 },
  });
});

test('no attempt starts with less than 10 ms left', async () => {
  const context = new FakeCallContext('a', 'b');
  const state = createState(context, 'safe', true, 100);
  recordFailure(state, 'a');
  context.clock.advance(90);
  expect(await nextId(state)).toBe('b');
  context.clock.advance(0.1);
  await expect(state.nextCandidate()).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    message: 'Call to /shop/orders exceeded its deadline of 100 ms after 1 attempt',
  });
});

test('retries are free until an attempt may have run, and draw on the budget from then on', async () => {
  const context = new FakeCallContext('a', 'b', 'c', 'd', 'e');
  const now = context.clock.now();
  const state = createState(context, 'idempotent');
  recordFailure(state, 'a', 'waiting');
  await nextId(state);
  expect(context.budget.available(now)).toBe(2);
  recordFailure(state, 'b', 'sent');
  await nextId(state);
  expect(context.budget.available(now)).toBe(1);
  // Not sent itself, but the next attempt may be the second one to run.
  recordFailure(state, 'c', 'waiting');
  await nextId(state);
  expect(context.budget.available(now)).toBe(0);
  recordFailure(state, 'd', 'answered');
  await expect(state.nextCandidate()).rejects.toMatchObject({
    code: 'BUDGET_EXHAUSTED',
    execution: 'unknown',
  });
});

test('a retry is reserved once, even if the next candidate is asked for again', async () => {
  const context = new FakeCallContext('a', 'b', 'c');
  const state = createState(context);
  const now = context.clock.now();
  expect(state.hasBudget(now)).toBe(true);
  recordFailure(state, 'a', 'sent');
  await state.nextCandidate();
  await state.nextCandidate();
  expect(context.budget.available(now)).toBe(1);
  expect(state.takeReservedRetry()).toBe(true);
  expect(state.takeReservedRetry()).toBe(false);
  context.budget.spent(now);
  // The next retry needs a reservation of its own.
  recordFailure(state, 'b', 'sent');
  await state.nextCandidate();
  expect(context.budget.available(now)).toBe(0);
  // The reserved retry is the one that is left.
  expect(state.hasBudget(now)).toBe(true);
  expect(state.takeReservedRetry()).toBe(true);
  expect(state.hasBudget(now)).toBe(false);
});

test('a joined attempt reserves a retry of its own, as long as the budget has one', () => {
  const context = new FakeCallContext('a', 'b', 'c');
  const state = createState(context);
  const now = context.clock.now();
  expect([state.tryReserve(now), state.tryReserve(now), state.tryReserve(now)]).toEqual([true, true, false]);
  expect(state.hasBudget(now)).toBe(false);
  context.budget.refund();
  expect(state.hasBudget(now)).toBe(true);
});

test('the reserved retry is refunded when the call ends before its next attempt', async () => {
  const context = new FakeCallContext('a', 'b');
  const state = createState(context);
  const now = context.clock.now();
  recordFailure(state, 'a', 'sent');
  await state.nextCandidate();
  expect(context.budget.available(now)).toBe(1);
  state.finish();
  expect(context.budget.available(now)).toBe(2);
});

test('a call without retries is sent again only if no attempt was sent', async () => {
  const context = new FakeCallContext('a', 'b', 'c');
  const state = createState(context, 'safe', true, 10_000, { retries: undefined });
  recordFailure(state, 'a', 'waiting');
  expect(await nextId(state)).toBe('b');
  recordFailure(state, 'b', 'sent');
  await expect(state.nextCandidate()).rejects.toMatchObject({
    code: 'OUTCOME_UNKNOWN',
    execution: 'unknown',
    message: expect.stringMatching(/not retried because the option retries of the call is false$/) as string,
  });
  expect(context.budget.available(context.clock.now())).toBe(2);
});

test('a call of a request that is itself a retry is sent again only if no attempt was sent', async () => {
  const context = new FakeCallContext('a', 'b', 'c');
  const state = createState(context, 'safe', true, 10_000, { retries: undefined, isNestedRetry: true });
  recordFailure(state, 'a', 'waiting');
  expect(await nextId(state)).toBe('b');
  recordFailure(state, 'b', 'sent');
  await expect(state.nextCandidate()).rejects.toMatchObject({
    code: 'BUDGET_EXHAUSTED',
    message: expect.stringMatching(/only one layer of services retries/) as string,
  });
});

test('the settings of the call limit its attempts, also without retries', async () => {
  for (const [max, attempts] of [
    [0, 1],
    [1, 2],
    [6, 7],
  ] as const) {
    const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
    const context = new FakeCallContext(...ids);
    const state = createState(context, 'safe', true, 10_000, { retries: { ...defaultRetries, max } });
    for (const id of ids.slice(0, attempts)) {
      recordFailure(state, id);
      if (state.outcomes.length < attempts) await state.nextCandidate();
    }
    await expect(state.nextCandidate()).rejects.toMatchObject({
      code: 'ENDPOINTS_EXHAUSTED',
      outcomes: { length: attempts },
    });
  }
});

test('a retry after a response needs the budget, although the call was not executed', async () => {
  const context = new FakeCallContext('a', 'b', 'c', 'd');
  const state = createState(context, 'once');
  const now = context.clock.now();
  state.requiresBudget = true;
  for (const [id, left] of [
    ['a', 1],
    ['b', 0],
  ] as const) {
    recordFailure(state, id, 'waiting', '503');
    await nextId(state);
    expect(context.budget.available(now)).toBe(left);
  }
  recordFailure(state, 'c', 'waiting', '503');
  await expect(state.nextCandidate()).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED', execution: 'none' });
});

test('the next attempt after a graceful close is free once, unless the call has no retries', async () => {
  const context = new FakeCallContext('a', 'b', 'c');
  const state = createState(context);
  const now = context.clock.now();
  recordFailure(state, 'a', 'sent');
  state.isNextFree = true;
  expect(await nextId(state)).toBe('b');
  expect(context.budget.available(now)).toBe(2);
  expect(state.takeFreeSend()).toBe(true);
  recordFailure(state, 'b', 'sent');
  expect(await nextId(state)).toBe('c');
  expect(context.budget.available(now)).toBe(1);
  const off = createState(context, 'safe', true, 10_000, { retries: undefined });
  recordFailure(off, 'a', 'sent');
  off.isNextFree = true;
  await expect(off.nextCandidate()).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
});

test('a free retry that was not sent keeps the next attempt free', async () => {
  const context = new FakeCallContext('a', 'b', 'c');
  const state = createState(context);
  recordFailure(state, 'a', 'sent');
  state.isNextFree = true;
  expect(await nextId(state)).toBe('b');
  recordFailure(state, 'b', 'waiting');
  expect(await nextId(state)).toBe('c');
  expect(context.budget.available(context.clock.now())).toBe(2);
});

test('a once call fails over only while nothing was sent', async () => {
  const context = new FakeCallContext('a', 'b');
  const unsent = createState(context, 'once');
  recordFailure(unsent, 'a', 'waiting');
  expect(await nextId(unsent)).toBe('b');
  recordFailure(unsent, 'b', 'sent');
  await expect(unsent.nextCandidate()).rejects.toMatchObject({
    code: 'OUTCOME_UNKNOWN',
    execution: 'unknown',
    message:
      "Call to /shop/orders was sent and its response was lost (ECONNREFUSED). The call was not retried because its kind is 'once'; set kind: 'idempotent' if a second execution does no harm",
  });
});

test('a once call that may have run is not retried, even if a later attempt was not sent', async () => {
  const state = createState(new FakeCallContext('a', 'b', 'c'), 'once');
  recordFailure(state, 'a', 'sent');
  recordFailure(state, 'b', 'waiting');
  await expect(state.nextCandidate()).rejects.toMatchObject({
    code: 'OUTCOME_UNKNOWN',
    execution: 'unknown',
  });
});

test('a body that can be read once is not sent twice', async () => {
  const context = new FakeCallContext('a', 'b');
  const state = createState(context, 'safe', false);
  recordFailure(state, 'a', 'sent');
  await expect(state.nextCandidate()).rejects.toMatchObject({
    code: 'OUTCOME_UNKNOWN',
    message: expect.stringMatching(
      /because its request body can be read only once; pass a string or bytes to allow a retry$/,
    ),
  });
});

test('execution stays unknown once any attempt may have run', () => {
  const context = new FakeCallContext('a', 'b');
  const state = createState(context);
  expect(state.execution).toBe('none');
  recordFailure(state, 'a', 'waiting');
  expect(state.execution).toBe('none');
  recordFailure(state, 'b', 'sent');
  expect(state.execution).toBe('unknown');
  recordFailure(state, 'a', 'waiting');
  expect(state.execution).toBe('unknown');
  expect(deadlineError(state)).toMatchObject({ execution: 'unknown', outcomes: { length: 3 } });
  expect(abortedError(state, 'bored')).toMatchObject({
    code: 'ABORTED',
    execution: 'unknown',
    cause: 'bored',
  });
});

test('an endpoint in connection backoff is awaited only if its next dial is within 250 ms and the deadline', async () => {
  const context = new FakeCallContext('a', 'b');
  const start = context.clock.now();
  context.nextDialAt.set('b', start + 200);
  const patient = createState(context);
  recordFailure(patient, 'a');
  const next = patient.nextCandidate();
  expect(await settlementOf(next)).toBe('pending');
  context.clock.advance(199);
  expect(await settlementOf(next)).toBe('pending');
  context.clock.advance(5);
  expect((await next).endpoint.id).toBe('b');

  context.nextDialAt.set('b', context.clock.now() + 251);
  const impatient = createState(context);
  recordFailure(impatient, 'a');
  await expect(impatient.nextCandidate()).rejects.toMatchObject({ code: 'ENDPOINTS_EXHAUSTED' });

  context.nextDialAt.set('b', context.clock.now() + 200);
  const short = createState(context, 'safe', true, 150);
  recordFailure(short, 'a');
  await expect(short.nextCandidate()).rejects.toMatchObject({ code: 'ENDPOINTS_EXHAUSTED' });
});

test('a requested delay is awaited, and every endpoint may be tried then', async () => {
  const context = new FakeCallContext('a');
  const state = createState(context);
  recordFailure(state, 'a', 'answered');
  state.retryDelayMs = 1_000;
  const next = state.nextCandidate();
  context.clock.advance(999);
  expect(await settlementOf(next)).toBe('pending');
  context.clock.advance(5);
  expect((await next).endpoint.id).toBe('a');
  expect(state.takeReservedRetry()).toBe(true);
  context.budget.spent(context.clock.now());
  expect(context.budget.available(context.clock.now())).toBe(1);
  // The delay applies once.
  context.candidates.push(candidate('b'));
  recordFailure(state, 'a', 'answered');
  expect(await nextId(state)).toBe('b');
});

test('the end of the call ends the wait for a requested delay', async () => {
  const context = new FakeCallContext('a');
  const state = createState(context);
  recordFailure(state, 'a', 'answered');
  state.retryDelayMs = 1_000;
  const next = state.nextCandidate();
  state.finish();
  expect(await settlementOf(next)).toBe('OUTCOME_UNKNOWN');
  expect(context.budget.available(context.clock.now())).toBe(2);
});

test('when no other endpoint is left, one whose connection broke is retried at once, then after a backoff, within the budget', async () => {
  const context = new FakeCallContext('a');
  const state = createState(context);
  recordFailure(state, 'a', 'sent', 'ECONNRESET');
  expect(await nextId(state)).toBe('a');
  expect(context.refreshes).toEqual([['a']]);
  expect(context.budget.available(context.clock.now())).toBe(1);
  recordFailure(state, 'a', 'sent', 'ECONNRESET');
  const next = nextId(state);
  expect(await settlementOf(next)).toBe('pending');
  context.clock.advance(510);
  expect(await next).toBe('a');
  recordFailure(state, 'a', 'sent', 'ECONNRESET');
  await expect(state.nextCandidate()).rejects.toMatchObject({
    code: 'ENDPOINTS_EXHAUSTED',
    execution: 'unknown',
  });
});

test.each([
  ['the last attempt was refused', 'waiting', 10_000, {}],
  ['the longest backoff does not fit the deadline', 'sent', 505, {}],
  ['retries are switched off', 'sent', 10_000, { retries: undefined }],
] as const)('a call does not back off if %s', async (_condition, stage, timeoutMs, more) => {
  const context = new FakeCallContext('a');
  const state = createState(context, 'safe', true, timeoutMs, more);
  recordFailure(state, 'a', 'sent', 'ECONNRESET');
  await nextId(state).catch(() => undefined);
  recordFailure(state, 'a', stage, 'ECONNRESET');
  expect(['ENDPOINTS_EXHAUSTED', 'OUTCOME_UNKNOWN']).toContain(await settlementOf(state.nextCandidate()));
});

test('an expired resolution is refreshed before a retry', async () => {
  const context = new FakeCallContext('a', 'b');
  context.fresh = false;
  context.onRefresh = () => {
    context.candidates = [candidate('new')];
  };
  const state = createState(context);
  recordFailure(state, 'a');
  expect(await nextId(state)).toBe('new');
  expect(context.refreshes).toEqual([['a']]);
});

test('when no endpoint was reachable the service is started once, and every endpoint may be tried again', async () => {
  const context = new FakeCallContext('a');
  context.canStart = true;
  const state = createState(context);
  context.clock.advance(50);
  recordFailure(state, 'a');
  expect(await nextId(state)).toBe('a');
  expect(context.starts).toEqual([context.clock.now() - 3]);
  recordFailure(state, 'a');
  await expect(state.nextCandidate()).rejects.toMatchObject({ code: 'ENDPOINTS_EXHAUSTED' });
  expect(context.starts).toHaveLength(1);
});

test('the service is not started if the call may have run', async () => {
  const context = new FakeCallContext('a');
  context.canStart = true;
  const state = createState(context);
  recordFailure(state, 'a', 'sent', 'ATTEMPT_TIMEOUT');
  expect(await nextId(state)).toBe('a');
  recordFailure(state, 'a', 'sent', 'ATTEMPT_TIMEOUT');
  const next = nextId(state);
  context.clock.advance(510);
  expect(await next).toBe('a');
  expect(context.starts).toEqual([]);
});

test('a failed start becomes the error of the call', async () => {
  const context = new FakeCallContext('a');
  context.canStart = true;
  context.onStart = () => Promise.reject(new ClerkError('FACTORY_FAILED', 'no such program'));
  const state = createState(context);
  recordFailure(state, 'a');
  await expect(state.nextCandidate()).rejects.toMatchObject({
    code: 'FACTORY_FAILED',
    message: 'no such program',
    outcomes: { length: 1 },
  });
});

test('a call that was settled meanwhile gets no further attempt', async () => {
  const context = new FakeCallContext('a', 'b');
  const state = createState(context);
  context.onRefresh = () => {
    state.settled = true;
    context.candidates.push(candidate('new'));
  };
  recordFailure(state, 'a');
  recordFailure(state, 'b');
  await expect(state.nextCandidate()).rejects.toThrow();
});

test('an outcome is recorded and emitted once, as a frozen object', () => {
  const context = new FakeCallContext('a');
  const state = createState(context);
  const outcome = state.record(
    {
      candidate: candidate('a'),
      address: { text: 'http://a:81' },
      number: 1,
      pickReason: 'random',
      stage: 'sent',
    },
    'failure',
    'ECONNRESET',
    12.3456,
    connectError,
  );
  expect(outcome).toEqual({
    attempt: 1,
    endpoint: 'a',
    address: 'http://a:81',
    pickReason: 'random',
    stage: 'sent',
    verdict: 'failure',
    code: 'ECONNRESET',
    durationMs: 12.35,
    error: connectError,
  });
  expect(Object.isFrozen(outcome)).toBe(true);
  expect(context.reporter.of('attempt')).toEqual([{ name: '/shop/orders', outcome }]);
  expect(state.outcomes).toEqual([outcome]);
});

test('a call that has waited for a start spends no retry of the budget, once', async () => {
  const context = new FakeCallContext('new', 'newer');
  const spend = (): void => {
    while (context.budget.tryWithdraw(context.clock.now())) context.budget.spent(context.clock.now());
  };
  const state = createState(context);
  spend();
  context.replaced.add('frozen');
  recordFailure(state, 'frozen', 'sent');
  expect(await nextId(state)).toBe('new');
  expect(state.takeFreeSend()).toBe(true);
  context.replaced.add('new');
  recordFailure(state, 'new', 'sent');
  await expect(state.nextCandidate()).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });

  const other = createState(context);
  recordFailure(other, 'listed', 'sent');
  await expect(other.nextCandidate()).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
});

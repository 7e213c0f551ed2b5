import { expect, test } from 'vitest';
import type { CallKind } from '../../src/core/idempotency.js';
import { ClerkError, isClerkError } from '../../src/core/errors.js';
import type { Stage } from '../../src/core/outcome.js';
import { abortedError, deadlineError } from '../../src/invoke/call-errors.js';
import { RetryState } from '../../src/invoke/retry-state.js';
import { flushPromises } from '../support/manual-clock.js';
import { candidate, FakeCallContext } from './fake-call-context.js';

const constraints = { affinity: undefined, tlsOnly: false };

function createState(
  context: FakeCallContext,
  kind: CallKind = 'safe',
  isReplayable = true,
  timeoutMs = 10_000,
): RetryState {
  const startedAt = context.clock.now();
  return new RetryState(context, context, {
    kind,
    constraints,
    isReplayable,
    allowsRetries: true,
    startedAt,
    deadlineAt: startedAt + timeoutMs,
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
  if (state.takeReservedRetry()) state.context.budget.spent(state.context.clock.now());
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

test('one retry of the budget is reserved for starts, if the service can be started', async () => {
  for (const [canStart, retries] of [
    [false, 2],
    [true, 1],
  ] as const) {
    const context = new FakeCallContext('a', 'b', 'c', 'd');
    context.canStart = canStart;
    const state = createState(context, 'idempotent');
    recordFailure(state, 'a', 'sent');
    for (const id of ['b', 'c'].slice(0, retries)) {
      expect(await nextId(state)).toBe(id);
      recordFailure(state, id, 'sent');
    }
    expect(await settlementOf(nextId(state))).toBe('BUDGET_EXHAUSTED');
  }
});

test('each attempt goes to an untried endpoint, until none is left', async () => {
  const context = new FakeCallContext('a', 'b', 'c');
  const state = createState(context);
  recordFailure(state, 'a');
  expect(await nextId(state)).toBe('b');
  recordFailure(state, 'b');
  expect(await nextId(state)).toBe('c');
  recordFailure(state, 'c');
  expect(context.refreshes).toEqual([]);
  await expect(state.nextCandidate()).rejects.toMatchObject({
    code: 'ENDPOINTS_EXHAUSTED',
    execution: 'none',
    message:
      'No endpoint of /shop/orders responded: 3 attempts in 0 ms, the last attempt failed with ECONNREFUSED',
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
  expect(state.canFailOver('waiting', candidate('e'), context.clock.now())).toBe(false);
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
  expect(state.canFailOver('waiting', candidate('a'), context.clock.now())).toBe(true);
  expect(await nextId(state)).toBe('b');
  context.clock.advance(0.1);
  expect(state.canFailOver('waiting', candidate('a'), context.clock.now())).toBe(false);
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

test('a retry is reserved once, also when an attempt in flight was abandoned for it', async () => {
  const context = new FakeCallContext('a', 'b', 'c');
  const state = createState(context);
  const now = context.clock.now();
  expect(state.canFailOver('sent', candidate('a'), now)).toBe(true);
  expect(context.budget.available(now)).toBe(1);
  recordFailure(state, 'a', 'sent');
  await nextId(state);
  expect(context.budget.available(now)).toBe(1);
  // The next retry needs a reservation of its own.
  recordFailure(state, 'b', 'sent');
  await nextId(state);
  expect(context.budget.available(now)).toBe(0);
  expect(state.canFailOver('sent', candidate('c'), now)).toBe(false);
});

test('an attempt in flight is not abandoned when no other endpoint is left', () => {
  const context = new FakeCallContext('a', 'b');
  const state = createState(context);
  recordFailure(state, 'a');
  expect(state.canFailOver('sent', candidate('b'), context.clock.now())).toBe(false);
  expect(context.budget.available(context.clock.now())).toBe(2);
});

test('a once call fails over only while nothing was sent', async () => {
  const context = new FakeCallContext('a', 'b');
  const unsent = createState(context, 'once');
  expect(unsent.canFailOver('sent', candidate('a'), context.clock.now())).toBe(false);
  recordFailure(unsent, 'a', 'waiting');
  expect(await nextId(unsent)).toBe('b');
  recordFailure(unsent, 'b', 'sent');
  await expect(unsent.nextCandidate()).rejects.toMatchObject({
    code: 'OUTCOME_UNKNOWN',
    execution: 'unknown',
    message:
      "Call to /shop/orders was sent and its response was lost (ECONNREFUSED); the call was not retried because its kind is 'once'; set kind: 'idempotent' if running the call twice does no harm",
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
    message: expect.stringMatching(/because its request body can be read only once$/),
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

test('Retry-After is awaited if it fits the deadline, and every endpoint may be tried then', async () => {
  const context = new FakeCallContext('a');
  const state = createState(context);
  expect(state.canWait('answered', 1_000, context.clock.now())).toBe(true);
  expect(context.budget.available(context.clock.now())).toBe(1);
  recordFailure(state, 'a', 'answered');
  const next = state.nextCandidate();
  context.clock.advance(999);
  expect(await settlementOf(next)).toBe('pending');
  context.clock.advance(5);
  expect((await next).endpoint.id).toBe('a');
  expect(state.takeReservedRetry()).toBe(true);
  expect(state.takeReservedRetry()).toBe(false);
  context.budget.spent(context.clock.now());
  expect(context.budget.available(context.clock.now())).toBe(1);
  expect(state.canWait('answered', 8_996, context.clock.now())).toBe(false);
  expect(createState(context, 'once').canWait('answered', 0, context.clock.now())).toBe(false);
  expect(createState(context, 'safe', false).canWait('answered', 0, context.clock.now())).toBe(false);
});

test('when no other endpoint is left, one whose connection broke is retried once, within the budget', async () => {
  const context = new FakeCallContext('a');
  const state = createState(context);
  recordFailure(state, 'a', 'sent', 'ECONNRESET');
  expect(await nextId(state)).toBe('a');
  expect(context.refreshes).toEqual([['a']]);
  expect(context.budget.available(context.clock.now())).toBe(1);
  recordFailure(state, 'a', 'sent', 'ECONNRESET');
  await expect(state.nextCandidate()).rejects.toMatchObject({
    code: 'ENDPOINTS_EXHAUSTED',
    execution: 'unknown',
  });

  // The same for an endpoint that timed out.
  const slow = createState(new FakeCallContext('a'));
  recordFailure(slow, 'a', 'sent', 'ATTEMPT_TIMEOUT');
  expect(await nextId(slow)).toBe('a');
  recordFailure(slow, 'a', 'sent', 'ATTEMPT_TIMEOUT');
  await expect(slow.nextCandidate()).rejects.toMatchObject({ code: 'ENDPOINTS_EXHAUSTED' });
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
  await expect(state.nextCandidate()).rejects.toMatchObject({
    code: 'ENDPOINTS_EXHAUSTED',
    execution: 'unknown',
  });
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

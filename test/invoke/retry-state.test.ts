import { expect, test } from 'vitest';
import type { CallKind } from '../../src/core/idempotency.js';
import { ClerkError, isClerkError } from '../../src/core/errors.js';
import type { Stage } from '../../src/core/outcome.js';
import { abortedError, deadlineError } from '../../src/invoke/call-errors.js';
import { RetryState } from '../../src/invoke/retry-state.js';
import { flushPromises } from '../support/manual-clock.js';
import { candidate, FakeCallContext } from './fake-call-context.js';

const wish = { affinity: undefined, tlsOnly: false };

function tripOver(
  site: FakeCallContext,
  kind: CallKind = 'safe',
  replayable = true,
  timeoutMs = 10_000,
): RetryState {
  const startedAt = site.clock.now();
  return new RetryState(site, {
    kind,
    constraints: wish,
    isReplayable: replayable,
    allowsRetries: true,
    startedAt,
    deadlineAt: startedAt + timeoutMs,
  });
}

/** Notes a failed attempt on an endpoint. */
function fails(trip: RetryState, id: string, stage: Stage = 'waiting', code = 'ECONNREFUSED'): void {
  const address = { text: `http://${id}:80` };
  const number = trip.outcomes.length + 1;
  trip.record(
    { candidate: candidate(id), address, number, pickReason: 'random', stage },
    'failure',
    code,
    3,
    refused,
  );
}

const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

/** Goes on to the next endpoint, and pays for it as whoever sends does. */
async function nextId(trip: RetryState): Promise<string> {
  const { endpoint } = await trip.nextCandidate();
  if (trip.takeReservedRetry()) trip.context.budget.spent(trip.context.clock.now());
  return endpoint.id;
}

/** What became of a promise, once everything that waits for no timer has run. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  const state = Promise.race([
    promise.then(
      () => 'resolved',
      (error: unknown) => (isClerkError(error) ? error.code : String(error)),
    ),
    flushPromises().then(() => 'pending'),
  ]);
  return state;
}

test('of the budget one is left to a start, where the service can be started', async () => {
  for (const [canStart, repeats] of [
    [false, 2],
    [true, 1],
  ] as const) {
    const site = new FakeCallContext('a', 'b', 'c', 'd');
    site.canStart = canStart;
    const trip = tripOver(site, 'idempotent');
    fails(trip, 'a', 'sent');
    for (const id of ['b', 'c'].slice(0, repeats)) {
      expect(await nextId(trip)).toBe(id);
      fails(trip, id, 'sent');
    }
    expect(await stateOf(nextId(trip))).toBe('BUDGET_EXHAUSTED');
  }
});

test('each attempt goes to an endpoint that was not tried, until there is none', async () => {
  const site = new FakeCallContext('a', 'b', 'c');
  const trip = tripOver(site);
  fails(trip, 'a');
  expect(await nextId(trip)).toBe('b');
  fails(trip, 'b');
  expect(await nextId(trip)).toBe('c');
  fails(trip, 'c');
  expect(site.refreshes).toEqual([]);
  await expect(trip.nextCandidate()).rejects.toMatchObject({
    code: 'ENDPOINTS_EXHAUSTED',
    execution: 'none',
    message: 'No endpoint of /shop/orders answered: 3 attempts in 0 ms, the last one ended with ECONNREFUSED',
    cause: refused,
  });
  expect(site.refreshes).toEqual([['a', 'b', 'c']]);
});

test('a look-up that brings a new endpoint is worth one more attempt', async () => {
  const site = new FakeCallContext('a');
  const trip = tripOver(site);
  site.onRefresh = () => {
    site.candidates.push(candidate('new'));
  };
  fails(trip, 'a');
  expect(await nextId(trip)).toBe('new');
  fails(trip, 'new');
  await expect(trip.nextCandidate()).rejects.toMatchObject({ code: 'ENDPOINTS_EXHAUSTED' });
  expect(site.refreshes).toHaveLength(1);
});

test('nobody is tried a sixth time', async () => {
  const site = new FakeCallContext('a', 'b', 'c', 'd', 'e', 'f', 'g');
  const trip = tripOver(site);
  for (const id of ['a', 'b', 'c', 'd']) {
    fails(trip, id);
    await trip.nextCandidate();
  }
  expect(trip.canFailOver('waiting', candidate('e'), site.clock.now())).toBe(false);
  fails(trip, 'e');
  await expect(trip.nextCandidate()).rejects.toMatchObject({
    code: 'ENDPOINTS_EXHAUSTED',
    outcomes: { length: 5 },
  });
});

test('no attempt starts with less than 10 ms left', async () => {
  const site = new FakeCallContext('a', 'b');
  const trip = tripOver(site, 'safe', true, 100);
  fails(trip, 'a');
  site.clock.advance(90);
  expect(trip.canFailOver('waiting', candidate('a'), site.clock.now())).toBe(true);
  expect(await nextId(trip)).toBe('b');
  site.clock.advance(0.1);
  expect(trip.canFailOver('waiting', candidate('a'), site.clock.now())).toBe(false);
  await expect(trip.nextCandidate()).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    message: 'Call of /shop/orders did not end within its 100 ms: time ran out after 1 attempt',
  });
});

test('what certainly was not sent costs no budget, what may have run does, from then on', async () => {
  const site = new FakeCallContext('a', 'b', 'c', 'd', 'e');
  const now = site.clock.now();
  const trip = tripOver(site, 'idempotent');
  fails(trip, 'a', 'waiting');
  await nextId(trip);
  expect(site.budget.available(now)).toBe(2);
  fails(trip, 'b', 'sent');
  await nextId(trip);
  expect(site.budget.available(now)).toBe(1);
  // Not sent itself, but the next one may be the second to run.
  fails(trip, 'c', 'waiting');
  await nextId(trip);
  expect(site.budget.available(now)).toBe(0);
  fails(trip, 'd', 'answered');
  await expect(trip.nextCandidate()).rejects.toMatchObject({
    code: 'BUDGET_EXHAUSTED',
    execution: 'unknown',
  });
});

test('a repeat is paid for once, also when the running attempt was given up for it', async () => {
  const site = new FakeCallContext('a', 'b', 'c');
  const trip = tripOver(site);
  const now = site.clock.now();
  expect(trip.canFailOver('sent', candidate('a'), now)).toBe(true);
  expect(site.budget.available(now)).toBe(1);
  fails(trip, 'a', 'sent');
  await nextId(trip);
  expect(site.budget.available(now)).toBe(1);
  // The next one is not paid for by the last.
  fails(trip, 'b', 'sent');
  await nextId(trip);
  expect(site.budget.available(now)).toBe(0);
  expect(trip.canFailOver('sent', candidate('c'), now)).toBe(false);
});

test('a running attempt is not given up where nobody else is left', () => {
  const site = new FakeCallContext('a', 'b');
  const trip = tripOver(site);
  fails(trip, 'a');
  expect(trip.canFailOver('sent', candidate('b'), site.clock.now())).toBe(false);
  expect(site.budget.available(site.clock.now())).toBe(2);
});

test('a call that must run at most once moves on only while it certainly was not sent', async () => {
  const site = new FakeCallContext('a', 'b');
  const unsent = tripOver(site, 'once');
  expect(unsent.canFailOver('sent', candidate('a'), site.clock.now())).toBe(false);
  fails(unsent, 'a', 'waiting');
  expect(await nextId(unsent)).toBe('b');
  fails(unsent, 'b', 'sent');
  await expect(unsent.nextCandidate()).rejects.toMatchObject({
    code: 'OUTCOME_UNKNOWN',
    execution: 'unknown',
    message:
      "Call of /shop/orders was sent, its answer was lost (ECONNREFUSED), and it was not repeated, since its kind is 'once'; give it kind: 'idempotent' if running it twice does no harm",
  });
});

test('a call that must run at most once is not repeated after a later attempt that was not sent either', async () => {
  const trip = tripOver(new FakeCallContext('a', 'b', 'c'), 'once');
  fails(trip, 'a', 'sent');
  fails(trip, 'b', 'waiting');
  await expect(trip.nextCandidate()).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN', execution: 'unknown' });
});

test('a body that can be read once is not sent twice', async () => {
  const site = new FakeCallContext('a', 'b');
  const trip = tripOver(site, 'safe', false);
  fails(trip, 'a', 'sent');
  await expect(trip.nextCandidate()).rejects.toMatchObject({
    code: 'OUTCOME_UNKNOWN',
    message: expect.stringMatching(/since its body can be read only once$/),
  });
});

test('over several attempts the most cautious word wins', () => {
  const site = new FakeCallContext('a', 'b');
  const trip = tripOver(site);
  expect(trip.execution).toBe('none');
  fails(trip, 'a', 'waiting');
  expect(trip.execution).toBe('none');
  fails(trip, 'b', 'sent');
  expect(trip.execution).toBe('unknown');
  fails(trip, 'a', 'waiting');
  expect(trip.execution).toBe('unknown');
  expect(deadlineError(trip)).toMatchObject({ execution: 'unknown', outcomes: { length: 3 } });
  expect(abortedError(trip, 'bored')).toMatchObject({ code: 'ABORTED', execution: 'unknown', cause: 'bored' });
});

test('an endpoint that refuses is waited for if its next dial is soon, and not otherwise', async () => {
  const site = new FakeCallContext('a', 'b');
  const start = site.clock.now();
  site.nextDialAt.set('b', start + 200);
  const patient = tripOver(site);
  fails(patient, 'a');
  const next = patient.nextCandidate();
  expect(await stateOf(next)).toBe('pending');
  site.clock.advance(199);
  expect(await stateOf(next)).toBe('pending');
  site.clock.advance(5);
  expect((await next).endpoint.id).toBe('b');

  site.nextDialAt.set('b', site.clock.now() + 251);
  const impatient = tripOver(site);
  fails(impatient, 'a');
  await expect(impatient.nextCandidate()).rejects.toMatchObject({ code: 'ENDPOINTS_EXHAUSTED' });

  site.nextDialAt.set('b', site.clock.now() + 200);
  const short = tripOver(site, 'safe', true, 150);
  fails(short, 'a');
  await expect(short.nextCandidate()).rejects.toMatchObject({ code: 'ENDPOINTS_EXHAUSTED' });
});

test('an answer that asks to be left alone is waited for if that fits, and anybody may be asked then', async () => {
  const site = new FakeCallContext('a');
  const trip = tripOver(site);
  expect(trip.canWait('answered', 1_000, site.clock.now())).toBe(true);
  expect(site.budget.available(site.clock.now())).toBe(1);
  fails(trip, 'a', 'answered');
  const next = trip.nextCandidate();
  site.clock.advance(999);
  expect(await stateOf(next)).toBe('pending');
  site.clock.advance(5);
  expect((await next).endpoint.id).toBe('a');
  expect(trip.takeReservedRetry()).toBe(true);
  expect(trip.takeReservedRetry()).toBe(false);
  site.budget.spent(site.clock.now());
  expect(site.budget.available(site.clock.now())).toBe(1);
  expect(trip.canWait('answered', 8_996, site.clock.now())).toBe(false);
  expect(tripOver(site, 'once').canWait('answered', 0, site.clock.now())).toBe(false);
  expect(tripOver(site, 'safe', false).canWait('answered', 0, site.clock.now())).toBe(false);
});

test('where nobody else is left, one whose connection was cut is asked once more, and pays for it', async () => {
  const site = new FakeCallContext('a');
  const trip = tripOver(site);
  fails(trip, 'a', 'sent', 'ECONNRESET');
  expect(await nextId(trip)).toBe('a');
  expect(site.refreshes).toEqual([['a']]);
  expect(site.budget.available(site.clock.now())).toBe(1);
  fails(trip, 'a', 'sent', 'ECONNRESET');
  await expect(trip.nextCandidate()).rejects.toMatchObject({
    code: 'ENDPOINTS_EXHAUSTED',
    execution: 'unknown',
  });

  // The same for one that may only have been slow.
  const slow = tripOver(new FakeCallContext('a'));
  fails(slow, 'a', 'sent', 'ATTEMPT_TIMEOUT');
  expect(await nextId(slow)).toBe('a');
  fails(slow, 'a', 'sent', 'ATTEMPT_TIMEOUT');
  await expect(slow.nextCandidate()).rejects.toMatchObject({ code: 'ENDPOINTS_EXHAUSTED' });
});

test('what is known is looked up anew before a repeat if it has run out', async () => {
  const site = new FakeCallContext('a', 'b');
  site.fresh = false;
  site.onRefresh = () => {
    site.candidates = [candidate('new')];
  };
  const trip = tripOver(site);
  fails(trip, 'a');
  expect(await nextId(trip)).toBe('new');
  expect(site.refreshes).toEqual([['a']]);
});

test('where nobody was reached the service is started, once, and everybody is asked anew', async () => {
  const site = new FakeCallContext('a');
  site.canStart = true;
  const trip = tripOver(site);
  site.clock.advance(50);
  fails(trip, 'a');
  expect(await nextId(trip)).toBe('a');
  expect(site.starts).toEqual([site.clock.now() - 3]);
  fails(trip, 'a');
  await expect(trip.nextCandidate()).rejects.toMatchObject({ code: 'ENDPOINTS_EXHAUSTED' });
  expect(site.starts).toHaveLength(1);
});

test('a service that may have run the call is not started for it', async () => {
  const site = new FakeCallContext('a');
  site.canStart = true;
  const trip = tripOver(site);
  fails(trip, 'a', 'sent', 'ATTEMPT_TIMEOUT');
  expect(await nextId(trip)).toBe('a');
  fails(trip, 'a', 'sent', 'ATTEMPT_TIMEOUT');
  await expect(trip.nextCandidate()).rejects.toMatchObject({
    code: 'ENDPOINTS_EXHAUSTED',
    execution: 'unknown',
  });
  expect(site.starts).toEqual([]);
});

test('a start that fails is the error of the call', async () => {
  const site = new FakeCallContext('a');
  site.canStart = true;
  site.onStart = () => Promise.reject(new ClerkError('FACTORY_FAILED', 'no such program'));
  const trip = tripOver(site);
  fails(trip, 'a');
  await expect(trip.nextCandidate()).rejects.toMatchObject({
    code: 'FACTORY_FAILED',
    message: 'no such program',
    outcomes: { length: 1 },
  });
});

test('a call that was settled meanwhile goes nowhere', async () => {
  const site = new FakeCallContext('a', 'b');
  const trip = tripOver(site);
  site.onRefresh = () => {
    trip.settled = true;
    site.candidates.push(candidate('new'));
  };
  fails(trip, 'a');
  fails(trip, 'b');
  await expect(trip.nextCandidate()).rejects.toThrow();
});

test('an outcome is told once, as an immutable record', () => {
  const site = new FakeCallContext('a');
  const trip = tripOver(site);
  const outcome = trip.record(
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
    refused,
  );
  expect(outcome).toEqual({
    number: 1,
    endpoint: 'a',
    address: 'http://a:81',
    chosen: 'random',
    stage: 'sent',
    verdict: 'failure',
    code: 'ECONNRESET',
    ms: 12.35,
    error: refused,
  });
  expect(Object.isFrozen(outcome)).toBe(true);
  expect(site.reporter.of('attempt')).toEqual([{ name: '/shop/orders', outcome }]);
  expect(trip.outcomes).toEqual([outcome]);
});

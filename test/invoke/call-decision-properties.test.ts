/** What holds for the decisions of a call in every state that a call can reach. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { callKinds } from '../../src/core/idempotency.js';
import {
  decide,
  type AttemptFacts,
  type CallAction,
  type CallEvent,
  type CallFacts,
} from '../../src/invoke/retry-decision.js';
import { maxMoves } from '../../src/invoke/retry-settings.js';
import { defaultRetries } from '../../src/invoke/retry-settings.js';

const attemptFacts = (number: number): fc.Arbitrary<AttemptFacts> =>
  fc
    .record({
      stage: fc.constantFrom('waiting', 'sent', 'sent', 'answered'),
      isLate: fc.boolean(),
      isQueued: fc.boolean(),
      isEjected: fc.boolean(),
      isDoubted: fc.boolean(),
    })
    .map(({ stage, isLate, isQueued, isEjected, isDoubted }) => ({
      isEjected,
      isDoubted,
      number,
      stage,
      isLate,
      isQueued: isQueued && stage === 'waiting',
    }));

const callFacts: fc.Arbitrary<CallFacts> = fc
  .record({
    kind: fc.constantFrom(...callKinds),
    isReplayable: fc.boolean(),
    retries: fc.option(
      fc.nat(6).map((max) => ({ ...defaultRetries, max })),
      { nil: undefined },
    ),
    isUpgrade: fc.boolean(),
    numbers: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { maxLength: 3 }),
    attempts: fc.tuple(attemptFacts(1), attemptFacts(2), attemptFacts(3)),
    wasExecuted: fc.boolean(),
    hasAlternative: fc.boolean(),
    hasBudget: fc.boolean(),
    leftMs: fc.oneof(fc.double({ min: 0, max: 20, noNaN: true }), fc.integer({ min: 0, max: 10_000 })),
    deferred: fc.constantFrom('none', 'retryable', 'final', 'error'),
    isStreaming: fc.boolean(),
    readsWholeBody: fc.boolean(),
  })
  .map(({ numbers, attempts, wasExecuted, isStreaming, ...facts }) => {
    const { kind, isReplayable, retries, isUpgrade, readsWholeBody } = facts;
    const isJoinable = kind !== 'once' && isReplayable && retries !== undefined && !isUpgrade;
    // Of a call whose request may be sent only once, several attempts are in flight only while none was sent.
    const areUnsent = attempts.every(({ stage }) => stage === 'waiting');
    const inFlight = numbers
      .sort((a, b) => a - b)
      .slice(0, isJoinable || areUnsent ? 3 : 1)
      .map((number, i) => ({ ...(attempts[i] as AttemptFacts), number }))
      // A response body is read beside other attempts only if the call reads the whole body.
      .map((attempt) =>
        attempt.stage === 'answered' && !(isJoinable && readsWholeBody)
          ? { ...attempt, stage: 'sent' as const }
          : attempt,
      );
    return {
      ...facts,
      inFlight,
      attemptCount: Math.max(1, ...numbers),
      execution: wasExecuted ? ('unknown' as const) : ('none' as const),
      // A 'once' call that may have been executed is only sent on to the idempotency store that knows the call.
      hasIdempotencyScope: kind === 'once' && wasExecuted,
      isStreaming: isStreaming && inFlight.length === 0,
    };
  });

const eventOf = ({ inFlight, attemptCount }: CallFacts): fc.Arbitrary<CallEvent> => {
  const answered: AttemptFacts = {
    number: attemptCount,
    stage: 'answered',
    isLate: false,
    isQueued: false,
    isEjected: false,
    isDoubted: false,
  };
  const always: fc.Arbitrary<CallEvent>[] = [
    fc.constant({ type: 'deadline' }),
    fc.constant({ type: 'failure', attempt: answered, cause: 'network' }),
  ];
  if (inFlight.length === 0) return fc.oneof(...always);
  const attempt = fc.constantFrom(...inFlight);
  const unanswered = inFlight.filter(({ stage }) => stage !== 'answered');
  const others: fc.Arbitrary<CallEvent>[] = [
    ...always,
    fc.constant<CallEvent>({ type: 'hedge-due' }),
    attempt.map<CallEvent>((one) => ({ type: 'late', attempt: one })),
    fc.record<Extract<CallEvent, { type: 'failure' }>>({
      type: fc.constant('failure'),
      attempt,
      cause: fc.constantFrom('network', 'removed', 'invalid-response', 'caller'),
    }),
  ];
  if (unanswered.length === 0) return fc.oneof(...others);
  return fc.oneof(
    ...others,
    fc
      .record<Extract<CallEvent, { type: 'response' }>>({
        type: fc.constant('response'),
        attempt: fc.constantFrom(...unanswered).map((one) => ({ ...one, stage: 'answered' })),
        statusCode: fc.constantFrom(200, 302, 401, 404, 409, 429, 500, 503),
        retryAfterMs: fc.option(fc.nat(20_000), { nil: undefined }),
        execution: fc.record({
          isNotExecuted: fc.boolean(),
          status: fc.constantFrom(undefined, 'running', 'replayed'),
        }),
        canRenewTicket: fc.boolean(),
      })
      .map((event) => ({
        ...event,
        canRenewTicket: event.canRenewTicket && event.statusCode === 401 && event.execution.isNotExecuted,
      })),
  );
};

type Check = (call: CallFacts, event: CallEvent, actions: readonly CallAction[]) => void;

function property(title: string, check: Check): void {
  test(title, () => {
    fc.assert(
      fc.property(
        callFacts.chain((call) => fc.tuple(fc.constant(call), eventOf(call))),
        ([call, event]) => check(call, event, decide(call, event)),
      ),
      { seed: 11, numRuns: 5_000 },
    );
  });
}

const does = (actions: readonly CallAction[], what: CallAction['do']): boolean =>
  actions.some((action) => action.do === what);

const settlesWith = (actions: readonly CallAction[]): string | undefined => {
  const last = actions.at(-1);
  return last?.do === 'settle' ? last.with : undefined;
};

/** The attempts in flight that the event leaves: without an attempt that was answered or has failed. */
const remaining = ({ inFlight }: CallFacts, event: CallEvent): readonly AttemptFacts[] =>
  event.type === 'response' || event.type === 'failure'
    ? inFlight.filter(({ number }) => number !== event.attempt.number)
    : inFlight;

property(
  'every event yields at least one action, and only the last one ends the call',
  (_call, _event, actions) => {
    expect(actions.length).toBeGreaterThan(0);
    for (const action of actions.slice(0, -1)) expect(action.do).not.toBe('settle');
  },
);

property('at most three attempts are in flight after any actions', (call, event, actions) => {
  let count = remaining(call, event).length;
  for (const action of actions) {
    if (action.do === 'join') count += action.replaces === undefined ? 1 : 0;
    if (action.do === 'send') count = 1;
  }
  expect(count).toBeLessThanOrEqual(3);
});

property('only a late attempt is replaced, and never the oldest one', (call, event, actions) => {
  const others = remaining(call, event);
  for (const action of actions) {
    if (action.do !== 'join' || action.replaces === undefined) continue;
    expect(others.slice(1)).toContainEqual(
      expect.objectContaining({ number: action.replaces, isLate: true }),
    );
  }
});

property('an attempt that was sent is never abandoned for another one', (call, event, actions) => {
  if (!does(actions, 'send')) return;
  for (const attempt of remaining(call, event)) expect(attempt.stage).toBe('waiting');
});

property('a call whose request may be sent only once is joined only before that', (call, event, actions) => {
  const { kind, isReplayable, retries, isUpgrade } = call;
  if (!does(actions, 'join') || (kind !== 'once' && isReplayable && retries && !isUpgrade)) return;
  for (const { stage } of remaining(call, event)) expect(stage).toBe('waiting');
});

property(
  "a 'once' call that may have been executed is sent again only to the idempotency store that knows the call",
  (call, event, actions) => {
    if (call.kind !== 'once' || call.hasIdempotencyScope || !does(actions, 'send')) return;
    expect(call.execution).toBe('none');
    if (event.type === 'response') expect(event.execution.isNotExecuted).toBe(true);
    else expect(event).toMatchObject({ attempt: { stage: 'waiting' } });
  },
);

property(
  'an attempt joins only late ones, unless the hedging policy wants a second attempt',
  (call, event, actions) => {
    if (event.type === 'hedge-due' || !does(actions, 'join')) return;
    const lateOnes = remaining(call, event).filter(
      ({ number, isLate }) => isLate || (event.type === 'late' && number === event.attempt.number),
    );
    expect(lateOnes).toEqual(remaining(call, event));
  },
);

property('no attempt joins with less than 10 ms left or when no attempt is left', (call, _event, actions) => {
  if (!does(actions, 'join')) return;
  expect(call.leftMs).toBeGreaterThanOrEqual(10);
  expect(call.attemptCount).toBeLessThanOrEqual(call.retries?.max ?? maxMoves);
});

property(
  'an attempt joins only at another endpoint, and within the budget unless nothing was sent',
  (call, event, actions) => {
    if (!does(actions, 'join')) return;
    expect(call.hasAlternative).toBe(true);
    if (!call.hasBudget) for (const { stage } of remaining(call, event)) expect(stage).toBe('waiting');
  },
);

property(
  'no attempt follows a late or answered one with less than 10 ms left or when no attempt is left',
  (call, event, actions) => {
    // After a failure, the search for the next endpoint makes this check: the check decides the error of the call.
    if (event.type === 'failure') return;
    for (const action of actions) {
      if (action.do !== 'send') continue;
      expect(call.leftMs - (action.afterMs ?? 0)).toBeGreaterThanOrEqual(10);
      // The attempt with another ticket is free, and the call makes one such attempt.
      if (event.type !== 'response' || !event.canRenewTicket)
        expect(call.attemptCount).toBeLessThanOrEqual(call.retries?.max ?? 4);
    }
  },
);

property('a call ends only with what it has', (call, event, actions) => {
  switch (settlesWith(actions)) {
    case 'response':
      expect(event.type).toBe('response');
      break;
    case 'deferred':
      expect(call.deferred).not.toBe('none');
      break;
    case 'error':
    case 'truncated':
      expect(event.type).toBe('failure');
      break;
    case 'deadline':
      expect(event.type).toBe('deadline');
      break;
    default:
  }
});

property(
  'a successful response is accepted at its headers unless the call reads the whole body and has other attempts',
  (call, event, actions) => {
    if (event.type !== 'response' || call.kind === 'once' || event.statusCode >= 400) return;
    const waits = call.readsWholeBody && remaining(call, event).length > 0;
    expect(actions).toEqual([waits ? { do: 'collect' } : { do: 'settle', with: 'response' }]);
  },
);

property('no attempt joins while a response body arrives', (call, event, actions) => {
  if (remaining(call, event).some(({ stage }) => stage === 'answered'))
    expect(does(actions, 'join')).toBe(false);
});

property(
  'an error response does not win while an earlier attempt at an endpoint that is not ejected runs',
  (call, event, actions) => {
    if (event.type !== 'response' || call.kind === 'once' || event.statusCode < 400) return;
    const hasEarlier = call.inFlight.some(
      ({ number, isEjected }) => number < event.attempt.number && !isEjected,
    );
    if (hasEarlier) expect(does(actions, 'settle')).toBe(false);
  },
);

property(
  'a response or an error is deferred or dropped only when it has arrived, before anything else',
  (_call, event, actions) => {
    const index = actions.findIndex((action) => action.do === 'defer' || action.do === 'drop');
    if (index === -1) return;
    expect(index).toBe(0);
    expect(actions.length).toBeGreaterThan(1);
    if (event.type === 'failure') expect(event.cause).toBe('invalid-response');
    else expect(event.type).toBe('response');
  },
);

property('a late attempt ends neither the call nor a sent attempt', (call, event, actions) => {
  if (event.type !== 'late') return;
  if (does(actions, 'settle')) {
    // Only a deferred response ends the call, if no endpoint with an attempt in flight is expected to answer.
    expect(actions).toEqual([{ do: 'settle', with: 'deferred' }]);
    expect(['final', 'error']).toContain(call.deferred);
    expect(call.inFlight.every(({ isEjected }) => isEjected)).toBe(true);
    return;
  }
  if (event.attempt.stage === 'sent') expect(does(actions, 'send')).toBe(false);
  // Either another attempt starts, or the call looks at the attempt again, or only the deadline limits the attempt.
  expect(does(actions, 'wait') || does(actions, 'send')).toBe(true);
});

/** What a call does after each event: one row per transition. */
import { describe, expect, test } from 'vitest';
import {
  decide,
  type AttemptFacts,
  type CallAction,
  type CallEvent,
  type CallFacts,
  type FailureCause,
} from '../../src/invoke/retry-decision.js';
import { defaultRetries } from '../../src/invoke/retry-settings.js';

/** A sent attempt that is not late. */
const sent = (number: number): AttemptFacts => ({
  number,
  stage: 'sent',
  isLate: false,
  isQueued: false,
  isEjected: false,
  isDoubted: false,
});
const late = (number: number): AttemptFacts => ({ ...sent(number), isLate: true });
/** A late attempt whose endpoint was ejected, because it is silent. */
const ejected = (number: number): AttemptFacts => ({ ...late(number), isEjected: true });
/** An attempt whose response body is being read. */
const collecting = (number: number): AttemptFacts => ({ ...sent(number), stage: 'answered' });
/** An attempt that waits for its connection to be established. */
const connecting = (number: number): AttemptFacts => ({ ...sent(number), stage: 'waiting' });
const lateConnecting = (number: number): AttemptFacts => ({ ...connecting(number), isLate: true });
/** An attempt that waits for a free connection. */
const queued = (number: number): AttemptFacts => ({ ...connecting(number), isQueued: true });

/** A GET with one sent attempt, other endpoints, budget and time. */
const get: CallFacts = {
  kind: 'safe',
  isReplayable: true,
  retries: defaultRetries,
  isUpgrade: false,
  attemptCount: 1,
  inFlight: [sent(1)],
  execution: 'none',
  hasIdempotencyScope: false,
  hasAlternative: true,
  hasBudget: true,
  leftMs: 5_000,
  deferred: 'none',
  isStreaming: false,
  readsWholeBody: false,
};

/** A GET with these attempts in flight. */
const racing = (...inFlight: AttemptFacts[]): CallFacts => ({
  ...get,
  inFlight,
  attemptCount: Math.max(0, ...inFlight.map(({ number }) => number)),
});
/** The same for a call that reads the whole body. */
const reading = (...inFlight: AttemptFacts[]): CallFacts => ({
  ...racing(...inFlight),
  readsWholeBody: true,
});
const post: CallFacts = { ...get, kind: 'once' };
const stored: CallFacts = {
  ...post,
  execution: 'unknown',
  hasIdempotencyScope: true,
  attemptCount: 2,
  inFlight: [sent(2)],
};
const idempotent: CallFacts = { ...get, kind: 'idempotent' };
const upload: CallFacts = { ...get, isReplayable: false };
const noRetries: CallFacts = { ...get, retries: undefined };

const isLate = (attempt: AttemptFacts): CallEvent => ({ type: 'late', attempt });
const answers = (
  attempt: AttemptFacts,
  statusCode: number,
  more: Partial<Extract<CallEvent, { type: 'response' }>> = {},
): CallEvent => ({
  type: 'response',
  attempt: { ...attempt, stage: 'answered' },
  statusCode,
  retryAfterMs: undefined,
  execution: { isNotExecuted: false, status: undefined },
  canRenewTicket: false,
  ...more,
});
const fails = (attempt: AttemptFacts, cause: FailureCause = 'network'): CallEvent => ({
  type: 'failure',
  attempt,
  cause,
});
const hedge: CallEvent = { type: 'hedge-due' };
const deadline: CallEvent = { type: 'deadline' };

const describeAction = (action: CallAction): string => {
  switch (action.do) {
    case 'wait':
      return action.recheckMs === undefined ? 'wait' : `wait ${String(action.recheckMs)}`;
    case 'join':
      return action.replaces === undefined ? 'join' : `join for ${String(action.replaces)}`;
    case 'send':
      return action.afterMs === undefined ? 'send' : `send after ${String(action.afterMs)}`;
    case 'settle':
      return `settle ${action.with}`;
    default:
      return action.do;
  }
};

type Row = readonly [title: string, call: CallFacts, event: CallEvent, actions: string];

function checkRows(rows: readonly Row[]): void {
  test.each(rows)('%s', (_title, call, event, actions) => {
    expect(decide(call, event).map(describeAction).join(', ')).toBe(actions);
  });
}

describe('an attempt of a safe or idempotent call is late', () => {
  checkRows([
    ['the only attempt of a GET is joined and continues', get, isLate(sent(1)), 'suspect, join, wait 100'],
    [
      'the only attempt of an idempotent call is joined',
      idempotent,
      isLate(sent(1)),
      'suspect, join, wait 100',
    ],
    [
      'the second attempt is joined by a third',
      racing(late(1), sent(2)),
      isLate(sent(2)),
      'suspect, join, wait 100',
    ],
    [
      'the first attempt is looked at again: a second one joins if none could before',
      racing(late(1)),
      isLate(late(1)),
      'suspect, join, wait 100',
    ],
    [
      'with three in flight and no joined attempt known to be late there is no fourth yet',
      racing(late(1), sent(2), sent(3)),
      isLate(sent(3)),
      'suspect, wait 100',
    ],
    [
      'with three in flight the oldest late joined attempt is replaced',
      racing(late(1), late(2), late(3)),
      isLate(late(3)),
      'suspect, join for 2, wait 100',
    ],
    [
      'a late first attempt that was joined is joined again only when the second attempt is late too',
      racing(late(1), sent(2)),
      isLate(late(1)),
      'suspect, wait 100',
    ],
    [
      'a late attempt beside a timely hedge is not joined',
      racing(sent(1), sent(2)),
      isLate(sent(1)),
      'suspect, wait 100',
    ],
    [
      'no attempt joins while a response body arrives',
      reading(late(1), { ...collecting(2), isLate: true }),
      isLate(late(1)),
      'suspect, wait 100',
    ],
    [
      'a late third attempt is not replaced while the second is not late',
      racing(late(1), sent(2), late(3)),
      isLate(late(3)),
      'suspect, wait 100',
    ],
    [
      'with three in flight the first attempt is never replaced, even if it alone is late',
      racing(late(1), sent(2), sent(3)),
      isLate(late(1)),
      'suspect, wait 100',
    ],
    [
      'with three in flight the oldest is kept, even if it is not the first of the call',
      racing(late(2), sent(3), sent(4)),
      isLate(late(2)),
      'suspect, wait 100',
    ],
    [
      'without another endpoint the attempt continues alone, and the call looks again later',
      { ...get, hasAlternative: false },
      isLate(sent(1)),
      'suspect, wait 100',
    ],
    [
      'without budget the attempt continues alone, and the call looks again later',
      { ...get, hasBudget: false },
      isLate(sent(1)),
      'suspect, wait 100',
    ],
    [
      'with 10 ms left the attempt is joined',
      { ...get, leftMs: 10 },
      isLate(sent(1)),
      'suspect, join, wait 100',
    ],
    [
      'with less than 10 ms left no attempt joins',
      { ...get, leftMs: 9.9 },
      isLate(sent(1)),
      'suspect, wait 100',
    ],
    [
      'the fourth attempt is joined by the fifth, the last one',
      { ...racing(late(1), sent(4)), attemptCount: 4 },
      isLate(sent(4)),
      'suspect, join, wait 100',
    ],
    [
      'after five attempts no other joins',
      { ...racing(late(1), sent(5)), attemptCount: 5 },
      isLate(sent(5)),
      'suspect, wait 100',
    ],
    [
      'a deferred 404 ends the call once the endpoint of the attempt in flight is ejected',
      { ...racing(ejected(1)), attemptCount: 2, deferred: 'final' },
      isLate(ejected(1)),
      'settle deferred',
    ],
    [
      'the deferred error of an invalid response ends the call once the other endpoint is ejected',
      { ...racing(ejected(1)), attemptCount: 2, deferred: 'error' },
      isLate(ejected(1)),
      'settle deferred',
    ],
    [
      'a deferred 404 waits while another attempt is at an endpoint that is not ejected',
      { ...racing(ejected(1), late(3)), deferred: 'final' },
      isLate(ejected(1)),
      'suspect, join, wait 100',
    ],
    [
      'a deferred 503 does not end the call: an attempt at an ejected endpoint may still succeed',
      { ...racing(ejected(1)), attemptCount: 2, deferred: 'retryable' },
      isLate(ejected(1)),
      'suspect, join, wait 100',
    ],
    [
      'with retries.max 0 no attempt joins',
      { ...get, retries: { ...defaultRetries, max: 0 } },
      isLate(sent(1)),
      'suspect, wait 100',
    ],
    [
      'a body that cannot be sent twice stays where it is, without another look',
      upload,
      isLate(sent(1)),
      'suspect, wait',
    ],
    ['with retries off the attempt continues alone', noRetries, isLate(sent(1)), 'suspect, wait'],
    [
      'an upgrade is not joined, since the loser would leave a socket open',
      { ...get, isUpgrade: true },
      isLate(sent(1)),
      'suspect, wait',
    ],
    [
      'an attempt that waits for a free connection is joined, and its endpoint not suspect',
      racing(queued(1)),
      isLate(queued(1)),
      'join, wait 100',
    ],
    [
      'an attempt that waits for a free connection is joined without budget, since nothing was sent',
      { ...racing(queued(1)), hasBudget: false },
      isLate(queued(1)),
      'join, wait 100',
    ],
    [
      'an attempt that waits for a free connection is joined once, while the second is not late',
      racing(queued(1), connecting(2)),
      isLate(queued(1)),
      'wait 100',
    ],
    [
      'an attempt that waits for a free connection stays without another endpoint',
      { ...racing(queued(1)), hasAlternative: false },
      isLate(queued(1)),
      'wait 100',
    ],
    [
      'an attempt that waits for a free connection is joined also if the body can be sent once',
      { ...upload, inFlight: [queued(1)] },
      isLate(queued(1)),
      'join, wait 100',
    ],
    [
      'a connecting attempt is joined without budget, since nothing was sent',
      { ...racing(connecting(1)), hasBudget: false },
      isLate(connecting(1)),
      'suspect, join, wait 100',
    ],
    [
      'two connecting attempts are joined without budget',
      { ...racing(lateConnecting(1), connecting(2)), hasBudget: false },
      isLate(connecting(2)),
      'suspect, join, wait 100',
    ],
    [
      'a connecting attempt beside a sent one is joined only within the budget',
      { ...racing(late(1), connecting(2)), hasBudget: false },
      isLate(connecting(2)),
      'suspect, wait 100',
    ],
    [
      'a connecting attempt with a body that can be sent once is joined, since no byte was written',
      { ...upload, inFlight: [connecting(1)] },
      isLate(connecting(1)),
      'suspect, join, wait 100',
    ],
    [
      'a connecting attempt with retries off is joined, since no byte was written',
      { ...noRetries, inFlight: [connecting(1)] },
      isLate(connecting(1)),
      'suspect, join, wait 100',
    ],
    [
      'a connecting attempt with retries off moves at most four times',
      { ...noRetries, inFlight: [connecting(5)], attemptCount: 5 },
      isLate(connecting(5)),
      'suspect, wait 100',
    ],
  ]);
});

describe("an attempt of a 'once' call is late", () => {
  const unsent = { ...post, inFlight: [connecting(1)] };
  checkRows([
    [
      'a sent attempt is neither joined nor cut, but its endpoint is suspect',
      post,
      isLate(sent(1)),
      'suspect, wait',
    ],
    [
      'a connecting attempt is joined, since no byte was written',
      unsent,
      isLate(connecting(1)),
      'suspect, join, wait 100',
    ],
    [
      'a connecting attempt is joined without budget, since nothing was executed',
      { ...unsent, hasBudget: false },
      isLate(connecting(1)),
      'suspect, join, wait 100',
    ],
    [
      'a connecting attempt with a body that can be sent once is joined',
      { ...unsent, isReplayable: false },
      isLate(connecting(1)),
      'suspect, join, wait 100',
    ],
    [
      'a connecting attempt with retries off is joined',
      { ...unsent, retries: undefined },
      isLate(connecting(1)),
      'suspect, join, wait 100',
    ],
    [
      'a connecting attempt without another endpoint stays',
      { ...unsent, hasAlternative: false },
      isLate(connecting(1)),
      'suspect, wait 100',
    ],
    [
      'a connecting attempt with less than 10 ms left stays',
      { ...unsent, leftMs: 9 },
      isLate(connecting(1)),
      'suspect, wait 100',
    ],
    [
      'a connecting fifth attempt stays',
      { ...unsent, attemptCount: 5 },
      isLate(connecting(1)),
      'suspect, wait 100',
    ],
    [
      'an attempt that waits for a free connection is joined',
      { ...post, inFlight: [queued(1)] },
      isLate(queued(1)),
      'join, wait 100',
    ],
    [
      'a connecting attempt beside one that was sent is not joined',
      { ...post, inFlight: [connecting(1), sent(2)] },
      isLate(connecting(1)),
      'suspect, wait 100',
    ],
    [
      'an upgrade that waits for its connection is joined',
      { ...get, isUpgrade: true, inFlight: [connecting(1)] },
      isLate(connecting(1)),
      'suspect, join, wait 100',
    ],
  ]);
});

describe('the delay of the hedging policy has passed', () => {
  checkRows([
    ['a GET gets a second attempt, and none is suspect', get, hedge, 'join'],
    [
      'without another endpoint the first attempt continues alone',
      { ...get, hasAlternative: false },
      hedge,
      'wait',
    ],
    ['without budget the first attempt continues alone', { ...get, hasBudget: false }, hedge, 'wait'],
    ["a 'once' call gets no second attempt", post, hedge, 'wait'],
    ['no attempt joins while a response body arrives', reading(sent(1), collecting(2)), hedge, 'wait'],
    ['with retries off there is no second attempt', noRetries, hedge, 'wait'],
    ['a body that can be sent once gets no second attempt', upload, hedge, 'wait'],
    [
      'with three in flight, none of them late, there is no fourth',
      racing(sent(1), sent(2), sent(3)),
      hedge,
      'wait',
    ],
    [
      'with three in flight a late joined attempt is replaced',
      racing(sent(1), late(2), sent(3)),
      hedge,
      'join for 2',
    ],
  ]);
});

describe('a safe or idempotent call is answered', () => {
  const unavailable = (attempt: AttemptFacts, retryAfterMs?: number): CallEvent =>
    answers(attempt, 503, { retryAfterMs });
  checkRows([
    ['200 is the response', get, answers(sent(1), 200), 'settle response'],
    ['404 of the only attempt is the response', get, answers(sent(1), 404), 'settle response'],
    [
      '500 of the only attempt is the response, since it is not among the retried statuses',
      get,
      answers(sent(1), 500),
      'settle response',
    ],
    [
      '200 of a late first attempt wins against the attempts that joined it',
      racing(late(1), sent(2), sent(3)),
      answers(late(1), 200),
      'settle response',
    ],
    [
      '404 of the first attempt wins against the attempts that joined it',
      racing(late(1), sent(2)),
      answers(late(1), 404),
      'settle response',
    ],
    [
      '200 of a joined attempt wins while the first runs',
      racing(late(1), sent(2)),
      answers(sent(2), 200),
      'settle response',
    ],
    [
      'a redirect of a joined attempt wins while the first runs',
      racing(late(1), sent(2)),
      answers(sent(2), 302),
      'settle response',
    ],
    [
      '200 of a joined attempt is collected while the first runs, if the call reads the whole body',
      reading(late(1), sent(2)),
      answers(sent(2), 200),
      'collect',
    ],
    [
      '200 of the first attempt is collected while a joined attempt runs, if the call reads the whole body',
      reading(late(1), sent(2)),
      answers(late(1), 200),
      'collect',
    ],
    [
      'a second 200 is collected beside the first one',
      reading(collecting(1), sent(2)),
      answers(sent(2), 200),
      'collect',
    ],
    [
      '200 of the only attempt of a call that reads the whole body is the response',
      reading(sent(1)),
      answers(sent(1), 200),
      'settle response',
    ],
    [
      '404 of the first attempt wins against a body that arrives',
      reading(late(1), collecting(2)),
      answers(late(1), 404),
      'settle response',
    ],
    [
      '500 of the first attempt is deferred while a body arrives',
      reading(late(1), collecting(2)),
      answers(late(1), 500),
      'defer, wait',
    ],
    [
      '503 of the first attempt is deferred while a body arrives, and no attempt joins',
      reading(late(1), collecting(2)),
      answers(late(1), 503),
      'defer, wait',
    ],
    [
      '404 of a joined attempt is deferred while a body arrives',
      reading(collecting(1), sent(2)),
      answers(sent(2), 404),
      'defer, wait',
    ],
    [
      '404 of a joined attempt is deferred while the first runs, and one more attempt joins the late ones',
      racing(late(1), sent(2)),
      answers(sent(2), 404),
      'defer, join',
    ],
    [
      '404 of a joined attempt wins if the endpoint of the first is ejected',
      racing(ejected(1), sent(2)),
      answers(sent(2), 404),
      'settle response',
    ],
    [
      '404 of a joined attempt is deferred without another attempt while a timely one runs',
      racing(late(1), sent(2), sent(3)),
      answers(sent(3), 404),
      'defer, wait',
    ],
    [
      '404 of a joined attempt is deferred without another attempt when the budget is used up',
      { ...racing(late(1), sent(2)), hasBudget: false },
      answers(sent(2), 404),
      'defer, wait',
    ],
    [
      '404 of the second attempt wins against the third, when the first has ended',
      racing(sent(2), sent(3)),
      answers(sent(2), 404),
      'settle response',
    ],
    [
      '503 of the first attempt is deferred while a joined one runs',
      racing(late(1), sent(2)),
      unavailable(late(1)),
      'defer, wait',
    ],
    [
      '503 of a joined attempt is deferred while the first runs, and one more attempt joins',
      racing(late(1), sent(2)),
      unavailable(sent(2)),
      'defer, join',
    ],
    [
      '503 of the third attempt beside two late ones makes room: another attempt joins without a replacement',
      racing(late(1), late(2), sent(3)),
      unavailable(sent(3)),
      'defer, join',
    ],
    ['503 of the only attempt is retried at another endpoint', get, unavailable(sent(1)), 'defer, send'],
    ['502 of the only attempt is retried at another endpoint', get, answers(sent(1), 502), 'defer, send'],
    [
      '503 is retried at another endpoint at once, whatever its Retry-After',
      get,
      unavailable(sent(1), 1_000),
      'defer, send',
    ],
    [
      '500 of a doubted endpoint is retried at another endpoint, although the status is not configured',
      get,
      answers({ ...sent(1), isDoubted: true }, 500),
      'defer, send',
    ],
    ['500 of an endpoint that is not doubted is the response', get, answers(sent(1), 500), 'settle response'],
    [
      '404 of a doubted endpoint is the response',
      get,
      answers({ ...sent(1), isDoubted: true }, 404),
      'settle response',
    ],
    [
      '500 of a doubted endpoint is the response with retries off',
      noRetries,
      answers({ ...sent(1), isDoubted: true }, 500),
      'settle response',
    ],
    [
      '500 of a doubted endpoint is the response to a call that runs at most once',
      post,
      answers({ ...sent(1), isDoubted: true }, 500),
      'settle response',
    ],
    ['503 of an idempotent call is retried', idempotent, unavailable(sent(1)), 'defer, send'],
    [
      '503 without another endpoint is retried after its Retry-After',
      { ...get, hasAlternative: false },
      unavailable(sent(1), 1_000),
      'defer, send after 1000',
    ],
    [
      '503 without another endpoint and without Retry-After is the response',
      { ...get, hasAlternative: false },
      unavailable(sent(1)),
      'settle response',
    ],
    [
      'a Retry-After that leaves 10 ms until the deadline is awaited',
      { ...get, hasAlternative: false },
      unavailable(sent(1), 4_990),
      'defer, send after 4990',
    ],
    [
      'a Retry-After that leaves less than 10 ms until the deadline is not awaited',
      { ...get, hasAlternative: false },
      unavailable(sent(1), 4_991),
      'settle response',
    ],
    [
      '502 without another endpoint is the response: only 429 and 503 ask for a later request',
      { ...get, hasAlternative: false },
      answers(sent(1), 502, { retryAfterMs: 1_000 }),
      'settle response',
    ],
    [
      '429 concerns the whole service, so it is retried after its Retry-After only',
      get,
      answers(sent(1), 429, { retryAfterMs: 500 }),
      'defer, send after 500',
    ],
    ['429 without Retry-After is the response', get, answers(sent(1), 429), 'settle response'],
    [
      '429 of the first attempt is deferred while a joined one runs',
      racing(late(1), sent(2)),
      answers(late(1), 429, { retryAfterMs: 500 }),
      'defer, wait',
    ],
    [
      '429 of a joined attempt is deferred while the first runs, and one more attempt joins the late one at once',
      racing(late(1), sent(2)),
      answers(sent(2), 429, { retryAfterMs: 500 }),
      'defer, join',
    ],
    [
      '503 without budget is the response',
      { ...get, hasBudget: false },
      unavailable(sent(1)),
      'settle response',
    ],
    ['503 of the fifth attempt is the response', racing(sent(5)), unavailable(sent(5)), 'settle response'],
    [
      '503 with less than 10 ms left is the response',
      { ...get, leftMs: 9 },
      unavailable(sent(1)),
      'settle response',
    ],
    ['503 with retries off is the response', noRetries, unavailable(sent(1)), 'settle response'],
    ['503 to a body that can be sent once is the response', upload, unavailable(sent(1)), 'settle response'],
    [
      '503 that is not among the configured statuses is the response',
      { ...get, retries: { max: 4, statuses: new Set([500]) } },
      unavailable(sent(1)),
      'settle response',
    ],
    [
      '500 that is among the configured statuses is retried',
      { ...get, retries: { max: 4, statuses: new Set([500]) } },
      answers(sent(1), 500),
      'defer, send',
    ],
    [
      'the last 503 replaces a deferred 503 when no retry is left',
      { ...racing(sent(5)), deferred: 'retryable' },
      unavailable(sent(5)),
      'settle response',
    ],
    [
      'a deferred 404 is better than a 503 of the last attempt, and no retry would replace it',
      { ...get, deferred: 'final' },
      unavailable(sent(1)),
      'settle deferred',
    ],
    [
      'a deferred 404 is better than a 503 when no retry is left',
      { ...racing(sent(5)), deferred: 'final' },
      unavailable(sent(5)),
      'settle deferred',
    ],
    [
      'a 503 of the last attempt is better than the error of an invalid response',
      { ...racing(sent(5)), deferred: 'error' },
      unavailable(sent(5)),
      'settle response',
    ],
    [
      '200 is better than a deferred 404',
      { ...get, deferred: 'final' },
      answers(sent(1), 200),
      'settle response',
    ],
    [
      'an upgrade that is answered with 503 is retried, since no socket was upgraded',
      { ...get, isUpgrade: true },
      unavailable(sent(1)),
      'defer, send',
    ],
  ]);
});

describe("a 'once' call is answered", () => {
  const rejected = { isNotExecuted: true, status: undefined };
  const running = { isNotExecuted: false, status: 'running' } as const;
  const executed = { isNotExecuted: false, status: undefined };
  checkRows([
    ['200 is the response', post, answers(sent(1), 200), 'settle response'],
    [
      '503 is the response, since the call may have been executed',
      post,
      answers(sent(1), 503),
      'settle response',
    ],
    [
      'a response that states that the call was not executed is deferred, and the call sent again',
      post,
      answers(sent(1), 503, { execution: rejected }),
      'defer, send',
    ],
    [
      'not executed, without budget: the response',
      { ...post, hasBudget: false },
      answers(sent(1), 503, { execution: rejected }),
      'settle response',
    ],
    [
      'not executed, with retries off: the response',
      { ...post, retries: undefined },
      answers(sent(1), 503, { execution: rejected }),
      'settle response',
    ],
    [
      'not executed, with a body that can be sent once: the response',
      { ...post, isReplayable: false },
      answers(sent(1), 503, { execution: rejected }),
      'settle response',
    ],
    [
      'not executed, fifth attempt: the response',
      { ...post, attemptCount: 5, inFlight: [sent(5)] },
      answers(sent(5), 503, { execution: rejected }),
      'settle response',
    ],
    [
      'a retry that was executed gives the response',
      stored,
      answers(sent(2), 200, { execution: executed }),
      'settle response',
    ],
    [
      'a replayed response is the response of the first execution',
      stored,
      answers(sent(2), 200, { execution: { isNotExecuted: false, status: 'replayed' } }),
      'settle response',
    ],
    [
      'a retry that was rejected leaves the outcome of the earlier attempt unknown',
      stored,
      answers(sent(2), 503, { execution: rejected }),
      'drop, settle unknown',
    ],
    [
      'a call that still runs is asked for again after 1 s',
      stored,
      answers(sent(2), 409, { execution: running }),
      'drop, send after 1000',
    ],
    [
      'a call that still runs is asked for again after the stated delay',
      stored,
      answers(sent(2), 409, { execution: running, retryAfterMs: 200 }),
      'drop, send after 200',
    ],
    [
      'a call that still runs when the deadline is too near ends as unknown',
      { ...stored, leftMs: 1_009 },
      answers(sent(2), 409, { execution: running }),
      'drop, settle unknown',
    ],
    [
      'a call that still runs when no attempt is left ends as unknown',
      { ...stored, attemptCount: 5, inFlight: [sent(5)] },
      answers(sent(5), 409, { execution: running }),
      'drop, settle unknown',
    ],
    [
      'a call that still runs at an endpoint without an idempotency store ends as unknown',
      { ...stored, hasIdempotencyScope: false },
      answers(sent(2), 409, { execution: running }),
      'drop, settle unknown',
    ],
  ]);
});

describe('an attempt fails', () => {
  checkRows([
    ['the only attempt of a GET is followed by another one', get, fails(sent(1)), 'send'],
    [
      'a connection that was refused is followed by another attempt',
      racing(connecting(1)),
      fails(connecting(1)),
      'send',
    ],
    [
      "a 'once' call whose connection was refused is sent to another endpoint",
      { ...post, inFlight: [connecting(1)] },
      fails(connecting(1)),
      'send',
    ],
    [
      "a 'once' call whose endpoint was removed before the request was sent goes to another one",
      { ...post, inFlight: [connecting(1)] },
      fails(connecting(1), 'removed'),
      'send',
    ],
    ["a 'once' call that was sent ends as unknown", post, fails(sent(1)), 'settle unknown'],
    ["a 'once' call at an endpoint with an idempotency store is sent again", stored, fails(sent(2)), 'send'],
    [
      'a body that can be sent once ends as unknown after it was sent',
      upload,
      fails(sent(1)),
      'settle unknown',
    ],
    [
      'a body that can be sent once is sent elsewhere if no byte was written',
      { ...upload, inFlight: [connecting(1)] },
      fails(connecting(1)),
      'send',
    ],
    [
      'a joined attempt that fails leaves the first one, and another joins',
      racing(late(1), sent(2)),
      fails(sent(2)),
      'join',
    ],
    [
      'a first attempt that fails leaves the timely joined one',
      racing(late(1), sent(2)),
      fails(late(1)),
      'wait',
    ],
    [
      'a failed attempt beside two late ones makes room for another',
      racing(late(1), late(2), sent(3)),
      fails(sent(3)),
      'join',
    ],
    [
      'a joined attempt that fails without budget leaves the first one alone',
      { ...racing(late(1), sent(2)), hasBudget: false },
      fails(sent(2)),
      'wait',
    ],
    ['a hedge that fails leaves the timely first attempt', racing(sent(1), sent(2)), fails(sent(2)), 'wait'],
    [
      'a body that breaks after its headers were delivered ends the stream',
      { ...get, inFlight: [], isStreaming: true },
      fails({ ...sent(1), stage: 'answered' }),
      'settle truncated',
    ],
    [
      'the last attempt fails and the deferred 404 is delivered',
      { ...get, deferred: 'final' },
      fails(sent(1)),
      'settle deferred',
    ],
    [
      'the last attempt fails and the deferred error of an invalid response ends the call',
      { ...get, deferred: 'error' },
      fails(sent(1)),
      'settle deferred',
    ],
    [
      'a deferred 503 does not end the call: another attempt follows',
      { ...get, deferred: 'retryable' },
      fails(sent(1)),
      'send',
    ],
    [
      'a body that breaks off leaves the other attempts',
      reading(late(1), sent(3)),
      fails(collecting(2)),
      'wait',
    ],
    [
      'a body that breaks off makes room: one more attempt joins the late one',
      reading(late(1), collecting(2)),
      fails(collecting(2)),
      'join',
    ],
    [
      'a body that exceeds a limit of the caller leaves the other attempts',
      reading(sent(1), collecting(2)),
      fails(collecting(2), 'caller'),
      'wait',
    ],
    [
      'an attempt that exceeds a limit of the caller leaves the body of another attempt',
      reading(sent(1), collecting(2)),
      fails(sent(1), 'caller'),
      'wait',
    ],
    [
      'the error of an invalid response is deferred while the body of another attempt arrives',
      reading(sent(1), collecting(2)),
      fails(sent(1), 'invalid-response'),
      'defer, wait',
    ],
    [
      'a body of the only attempt that exceeds a limit of the caller ends the call',
      reading(collecting(2)),
      fails(collecting(2), 'caller'),
      'settle error',
    ],
    [
      'a failed attempt leaves the body of another attempt, and no attempt joins',
      reading(late(1), { ...collecting(2), isLate: true }),
      fails(late(1)),
      'wait',
    ],
    ['an invalid request ends the call with its error', get, fails(connecting(1), 'caller'), 'settle error'],
    [
      'a limit of the caller ends the call with its error, even beside joined attempts',
      racing(late(1), sent(2)),
      fails(late(1), 'caller'),
      'settle error',
    ],
    [
      'a response of the only attempt that cannot be parsed ends the call: one error, no retries',
      get,
      fails(sent(1), 'invalid-response'),
      'settle error',
    ],
    [
      'a response of the first attempt that cannot be parsed ends the call although another joined it',
      racing(late(1), sent(2)),
      fails(late(1), 'invalid-response'),
      'settle error',
    ],
    [
      'a response of a joined attempt that cannot be parsed is deferred while the first runs',
      racing(late(1), sent(2), sent(3)),
      fails(sent(3), 'invalid-response'),
      'defer, wait',
    ],
    [
      'a response of a joined attempt that cannot be parsed ends the call if the endpoint of the first is ejected',
      racing(ejected(1), sent(2)),
      fails(sent(2), 'invalid-response'),
      'settle error',
    ],
    [
      'a response of the first attempt that cannot be parsed gives way to a deferred 404',
      { ...get, deferred: 'final' },
      fails(sent(1), 'invalid-response'),
      'settle deferred',
    ],
    [
      'a response of the last attempt that cannot be parsed gives way to a deferred 503',
      { ...get, deferred: 'retryable' },
      fails(sent(1), 'invalid-response'),
      'settle deferred',
    ],
    [
      'a second response that cannot be parsed leaves the call with the error of the first',
      { ...get, deferred: 'error' },
      fails(sent(1), 'invalid-response'),
      'settle deferred',
    ],
    [
      "a response to a 'once' call that cannot be parsed ends the call",
      post,
      fails(sent(1), 'invalid-response'),
      'settle error',
    ],
  ]);
});

describe('the endpoint has executed nothing, because it refused the ticket', () => {
  const execution = { isNotExecuted: true, status: undefined };
  const refused = answers(sent(1), 401, { execution, canRenewTicket: true });
  const alone = { hasAlternative: false, hasBudget: false };
  checkRows([
    [
      'a safe call is repeated, without other endpoints and without budget',
      { ...get, ...alone },
      refused,
      'defer, send',
    ],
    ['an idempotent call is repeated', { ...idempotent, ...alone }, refused, 'defer, send'],
    ["a 'once' call is repeated", { ...post, ...alone }, refused, 'defer, send'],
    ['a call with a body that cannot be sent again gets the refusal', upload, refused, 'settle response'],
    ['a call without retries gets the refusal', noRetries, refused, 'settle response'],
    ['a call without time gets the refusal', { ...get, leftMs: 0 }, refused, 'settle response'],
    [
      "a 'once' call with an attempt that may have been executed is not repeated",
      { ...post, execution: 'unknown', attemptCount: 2, inFlight: [sent(2)] },
      answers(sent(2), 401, { execution, canRenewTicket: true }),
      'drop, settle unknown',
    ],
    [
      'another attempt in flight may still succeed',
      racing(sent(1), sent(2)),
      answers(sent(2), 401, { execution, canRenewTicket: true }),
      'defer, wait',
    ],
    [
      'beside late attempts only, one more attempt joins',
      racing(late(1), sent(2)),
      answers(sent(2), 401, { execution, canRenewTicket: true }),
      'defer, join',
    ],
    [
      'a second refusal is the response',
      { ...get, attemptCount: 2, inFlight: [sent(2)], deferred: 'retryable' },
      answers(sent(2), 401, { execution }),
      'settle response',
    ],
    [
      "no other endpoint gets a 'once' call that lacks a valid ticket",
      post,
      answers(sent(1), 401, { execution }),
      'settle response',
    ],
    [
      "no other endpoint gets a 'once' call that lacks a right",
      post,
      answers(sent(1), 403, { execution }),
      'settle response',
    ],
  ]);
});

describe('the deadline passes', () => {
  checkRows([
    ['without a deferred response the call ends with DEADLINE_EXCEEDED', get, deadline, 'settle deadline'],
    ['a deferred 503 is delivered', { ...get, deferred: 'retryable' }, deadline, 'settle deferred'],
    ['a deferred 404 is delivered', { ...get, deferred: 'final' }, deadline, 'settle deferred'],
    [
      'the deferred error of an invalid response ends the call',
      { ...get, deferred: 'error' },
      deadline,
      'settle deferred',
    ],
    ["a 'once' call ends with DEADLINE_EXCEEDED", post, deadline, 'settle deadline'],
  ]);
});

import { expect, test } from 'vitest';
import { Attempt, type AttemptHandler } from '../../src/invoke/attempt.js';
import { candidate } from './fake-call-context.js';

/** An attempt, and a log of what its handler and its connection receive. */
function attempt(allowsResend: boolean) {
  const log: string[] = [];
  const handler = { onConnect: () => void log.push('sent') } as Partial<AttemptHandler> as AttemptHandler;
  const target = candidate('a');
  const made = new Attempt(handler, target, target.channel, 1, 'only', 0, 250, allowsResend, false);
  return { made, log, abort: (reason?: Error) => void log.push(`aborted: ${reason?.message}`) };
}

test('an attempt abandoned before it has a connection is never sent', () => {
  const { made, log, abort } = attempt(true);
  made.abandon(new Error('late'));
  expect(() => made.onConnect(abort)).toThrow('abandoned before it was sent');
  expect([made.stage, log]).toEqual(['waiting', []]);
});

test('undici may resend only what may run twice', () => {
  const twice = attempt(true);
  const once = attempt(false);
  for (const { made, abort } of [twice, once]) {
    made.onConnect(abort);
    made.onConnect(abort);
    expect(made.stage).toBe('sent');
  }
  expect(twice.log).toEqual(['sent', 'sent']);
  expect(once.log).toEqual([
    'sent',
    'aborted: The connection was lost after the request was sent, so the endpoint may have executed the request; the request is not sent again',
  ]);
});

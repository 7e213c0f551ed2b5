import { expect, test } from 'vitest';
import { Attempt, type AttemptHandler } from '../../src/invoke/attempt.js';
import { candidate } from './fake-call-context.js';

/** An attempt, and what its call and its connection hear of it. */
function attempt(repeatable: boolean) {
  const heard: string[] = [];
  const owner = { onConnect: () => void heard.push('sent') } as Partial<AttemptHandler> as AttemptHandler;
  const to = candidate('a');
  const made = new Attempt(owner, to, to.channel, 1, 'only', 0, repeatable, false);
  return { made, heard, abort: (reason?: Error) => void heard.push(`cut: ${reason?.message}`) };
}

test('what was given up before it was handed to a connection never is', () => {
  const { made, heard, abort } = attempt(true);
  made.abandon(new Error('late'));
  expect(() => made.onConnect(abort)).toThrow('given up before it was sent');
  expect([made.stage, heard]).toEqual(['waiting', []]);
});

test('undici may send again by itself what may run twice, and nothing else', () => {
  const twice = attempt(true);
  const once = attempt(false);
  for (const { made, abort } of [twice, once]) {
    made.onConnect(abort);
    made.onConnect(abort);
    expect(made.stage).toBe('sent');
  }
  expect(twice.heard).toEqual(['sent', 'sent']);
  expect(once.heard).toEqual(['sent', 'cut: The connection was lost after the request may have run']);
});

import { expect, test } from 'vitest';
import { Attempt, type AttemptHandler } from '../../src/invoke/attempt.js';
import { DeferredResponse } from '../../src/invoke/deferred-response.js';
import { candidate } from './fake-call-context.js';
import { recordingHandler } from './recording-handler.js';

/** A sent attempt whose response, 503, was deferred, and a log of what its owner and its connection receive. */
function deferred() {
  const log: string[] = [];
  const owner = { onConnect: () => {} } as Partial<AttemptHandler> as AttemptHandler;
  const target = candidate('a');
  const attempt = new Attempt(owner, target, target.channel, 1, 'only', 0, 250, true, false);
  attempt.onConnect((reason) => void log.push(`aborted: ${reason?.message}`));
  const response = new DeferredResponse(
    attempt,
    503,
    [Buffer.from('retry-after'), Buffer.from('1')],
    () => void log.push('resumed'),
    'Busy',
    () => void log.push('ended'),
  );
  return { attempt, response, log };
}

const notAborted = (): undefined => undefined;

test('a complete response is delivered unchanged', () => {
  const { attempt, response, log } = deferred();
  const chunk = Buffer.from('one ');
  expect(attempt.onData(chunk)).toBe(true);
  // The connection may reuse its buffer.
  chunk.fill('x');
  attempt.onData(Buffer.from('two'));
  expect([response.isComplete, log]).toEqual([false, []]);
  attempt.onComplete(['x-trailer', '1']);
  expect([response.isComplete, response.isBroken, log]).toEqual([true, false, ['ended']]);
  const handler = recordingHandler();
  response.deliver(handler, notAborted);
  expect(handler.log).toEqual([
    'head 503 Busy retry-after=1',
    'data one ',
    'data two',
    'complete x-trailer,1',
  ]);
});

test('a response without a body is complete at its end', () => {
  const { attempt, response } = deferred();
  attempt.onComplete(null);
  const handler = recordingHandler();
  response.deliver(handler, notAborted);
  expect(handler.log).toEqual(['head 503 Busy retry-after=1', 'complete null']);
});

test('the headers are copied, since the connection may reuse its buffer', () => {
  const owner = { onConnect: () => {} } as Partial<AttemptHandler> as AttemptHandler;
  const target = candidate('a');
  const attempt = new Attempt(owner, target, target.channel, 1, 'only', 0, 250, true, false);
  const headers = [Buffer.from('name'), Buffer.from('value')];
  const response = new DeferredResponse(
    attempt,
    404,
    headers,
    () => {},
    '',
    () => {},
  );
  for (const header of headers) header.fill('x');
  const handler = recordingHandler();
  attempt.onComplete(null);
  response.deliver(handler, notAborted);
  expect(handler.log[0]).toBe('head 404  name=value');
});

test('a body of 64 KiB is buffered, one byte more pauses the connection', () => {
  const { attempt } = deferred();
  expect(attempt.onData(Buffer.alloc(65_535))).toBe(true);
  expect(attempt.onData(Buffer.alloc(1))).toBe(true);
  expect(attempt.onData(Buffer.alloc(1))).toBe(false);
});

test('what has arrived of an incomplete response is delivered, then its body continues', () => {
  const { attempt, response, log } = deferred();
  attempt.onData(Buffer.from('half'));
  const handler = recordingHandler();
  response.deliver(handler, notAborted);
  expect(handler.log).toEqual(['head 503 Busy retry-after=1', 'data half']);
  expect(log).toEqual(['resumed']);
});

test('a handler that wants no more data resumes the body itself', () => {
  const { attempt, response, log } = deferred();
  attempt.onData(Buffer.from('half'));
  response.deliver({ ...recordingHandler(), onData: () => false }, notAborted);
  expect(log).toEqual([]);
});

test('a truncated response is broken and counts as ended', () => {
  const { attempt, response, log } = deferred();
  attempt.onData(Buffer.from('half'));
  attempt.onError(new Error('reset'));
  expect([response.isBroken, response.isComplete, log]).toEqual([true, false, ['ended']]);
});

test('a discarded response aborts its attempt, and ignores what still arrives', () => {
  const { attempt, response, log } = deferred();
  response.discard();
  expect(log).toEqual(['ended', 'aborted: The deferred response was discarded']);
  attempt.onData(Buffer.from('late'));
  attempt.onComplete(null);
  expect(response.isComplete).toBe(false);
});

test('a delivery that the caller aborts ends with the reason of the caller, without the rest of the body', () => {
  const { attempt, response } = deferred();
  for (const part of ['one', 'two']) attempt.onData(Buffer.from(part));
  attempt.onComplete(null);
  let reason: Error | undefined;
  const handler = recordingHandler();
  const record = handler.onData.bind(handler);
  handler.onData = (chunk) => {
    reason = new Error('bored');
    return record(chunk);
  };
  response.deliver(handler, () => reason);
  expect(handler.log).toEqual(['head 503 Busy retry-after=1', 'data one', 'error bored']);
});

test('an error that the handler throws during the delivery of a complete response goes to its onError', () => {
  const { attempt, response } = deferred();
  attempt.onComplete(null);
  const handler = recordingHandler();
  handler.onHeaders = () => {
    throw new Error('thrown');
  };
  response.deliver(handler, notAborted);
  expect(handler.log).toEqual(['error thrown']);
});

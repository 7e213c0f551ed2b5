import { expect, test } from 'vitest';
import { BufferedResponse } from '../../src/invoke/deferred-response.js';
import { recordingHandler } from './recording-handler.js';

const response = (): BufferedResponse =>
  new BufferedResponse(503, [Buffer.from('retry-after'), Buffer.from('1')], 'Busy');

test('a response is delivered unchanged', async () => {
  const buffered = response();
  expect(buffered.isComplete).toBe(false);
  const chunk = Buffer.from('one ');
  expect(buffered.append(chunk)).toBe(true);
  // The connection may reuse its buffer.
  chunk.fill('x');
  buffered.append(Buffer.from('two'));
  buffered.complete(['x-trailer', '1']);
  expect(buffered.isComplete).toBe(true);
  await expect(buffered.completed).resolves.toBe(true);
  const handler = recordingHandler();
  buffered.deliver(handler, () => undefined);
  expect(handler.log).toEqual([
    'head 503 Busy retry-after=1',
    'data one ',
    'data two',
    'complete x-trailer,1',
  ]);
});

test('a response without a body is complete at its end', async () => {
  const buffered = response();
  buffered.complete(null);
  await expect(buffered.completed).resolves.toBe(true);
  const handler = recordingHandler();
  buffered.deliver(handler, () => undefined);
  expect(handler.log).toEqual(['head 503 Busy retry-after=1', 'complete null']);
});

test('a body of 64 KiB is buffered, one byte more is not', async () => {
  const [fits, over] = [response(), response()];
  expect(fits.append(Buffer.alloc(65_536))).toBe(true);
  fits.complete(null);
  expect(fits.isComplete).toBe(true);
  expect(over.append(Buffer.alloc(65_536))).toBe(true);
  expect(over.append(Buffer.alloc(1))).toBe(false);
  await expect(over.completed).resolves.toBe(false);
  over.complete(null);
  expect(over.isComplete).toBe(false);
});

test('a truncated response is not delivered', async () => {
  const buffered = response();
  buffered.append(Buffer.from('half'));
  buffered.discard();
  await expect(buffered.completed).resolves.toBe(false);
  expect(buffered.isComplete).toBe(false);
});

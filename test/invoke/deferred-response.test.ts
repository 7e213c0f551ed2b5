import { expect, test } from 'vitest';
import { BufferedResponse } from '../../src/invoke/deferred-response.js';
import { recordingHandler } from './recording-handler.js';

const answer = (): BufferedResponse =>
  new BufferedResponse(503, [Buffer.from('retry-after'), Buffer.from('1')], 'Busy');

test('an answer is delivered as it came', async () => {
  const kept = answer();
  expect(kept.isComplete).toBe(false);
  const chunk = Buffer.from('one ');
  expect(kept.append(chunk)).toBe(true);
  // What belongs to the connection may be written over afterwards.
  chunk.fill('x');
  kept.append(Buffer.from('two'));
  kept.complete(['x-trailer', '1']);
  expect(kept.isComplete).toBe(true);
  await expect(kept.completed).resolves.toBe(true);
  const handler = recordingHandler();
  kept.deliver(handler, () => undefined);
  expect(handler.heard).toEqual([
    'head 503 Busy retry-after=1',
    'data one ',
    'data two',
    'complete x-trailer,1',
  ]);
});

test('an answer without a body is whole at its end', async () => {
  const kept = answer();
  kept.complete(null);
  await expect(kept.completed).resolves.toBe(true);
  const handler = recordingHandler();
  kept.deliver(handler, () => undefined);
  expect(handler.heard).toEqual(['head 503 Busy retry-after=1', 'complete null']);
});

test('a body of 64 KiB is kept, one byte more is not', async () => {
  const [fits, over] = [answer(), answer()];
  expect(fits.append(Buffer.alloc(65_536))).toBe(true);
  fits.complete(null);
  expect(fits.isComplete).toBe(true);
  expect(over.append(Buffer.alloc(65_536))).toBe(true);
  expect(over.append(Buffer.alloc(1))).toBe(false);
  await expect(over.completed).resolves.toBe(false);
  over.complete(null);
  expect(over.isComplete).toBe(false);
});

test('an answer that breaks off is not kept', async () => {
  const kept = answer();
  kept.append(Buffer.from('half'));
  kept.discard();
  await expect(kept.completed).resolves.toBe(false);
  expect(kept.isComplete).toBe(false);
});

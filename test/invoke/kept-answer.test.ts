import { expect, test } from 'vitest';
import { KeptAnswer } from '../../src/invoke/kept-answer.js';
import { recordingHandler } from './recording.js';

const answer = (): KeptAnswer => new KeptAnswer(503, [Buffer.from('retry-after'), Buffer.from('1')], 'Busy');

test('an answer is delivered as it came', async () => {
  const kept = answer();
  expect(kept.whole).toBe(false);
  const chunk = Buffer.from('one ');
  expect(kept.add(chunk)).toBe(true);
  // What belongs to the connection may be written over afterwards.
  chunk.fill('x');
  kept.add(Buffer.from('two'));
  kept.end(['x-trailer', '1']);
  expect(kept.whole).toBe(true);
  await expect(kept.ready).resolves.toBe(true);
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
  kept.end(null);
  await expect(kept.ready).resolves.toBe(true);
  const handler = recordingHandler();
  kept.deliver(handler, () => undefined);
  expect(handler.heard).toEqual(['head 503 Busy retry-after=1', 'complete null']);
});

test('a body of 64 KiB is kept, one byte more is not', async () => {
  const [fits, over] = [answer(), answer()];
  expect(fits.add(Buffer.alloc(65_536))).toBe(true);
  fits.end(null);
  expect(fits.whole).toBe(true);
  expect(over.add(Buffer.alloc(65_536))).toBe(true);
  expect(over.add(Buffer.alloc(1))).toBe(false);
  await expect(over.ready).resolves.toBe(false);
  over.end(null);
  expect(over.whole).toBe(false);
});

test('an answer that breaks off is not kept', async () => {
  const kept = answer();
  kept.add(Buffer.from('half'));
  kept.drop();
  await expect(kept.ready).resolves.toBe(false);
  expect(kept.whole).toBe(false);
});

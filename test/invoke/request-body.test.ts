import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { isReplayable, toUndiciBody } from '../../src/invoke/request-body.js';

test('a body in memory is replayable', () => {
  const form = new FormData();
  form.set('a', new Blob(['b']));
  for (const body of [
    undefined,
    null,
    '',
    'text',
    Buffer.from('x'),
    new Uint8Array(2),
    new DataView(new ArrayBuffer(2)),
    new ArrayBuffer(2),
    new URLSearchParams('a=1'),
    new Blob(['x']),
    form,
  ])
    expect(isReplayable(body)).toBe(true);
});

test('a stream or an iterable is not replayable', () => {
  function* pieces(): Generator<string> {
    yield 'x';
  }
  for (const body of [
    Readable.from(['x']),
    new ReadableStream(),
    pieces(),
    ['x'],
    new Map(),
    {},
    7,
    () => 'x',
  ])
    expect(isReplayable(body)).toBe(false);
});

test('URLSearchParams become a string, other bodies stay unchanged', () => {
  expect(toUndiciBody(new URLSearchParams({ a: '1', b: 'ü' }))).toBe('a=1&b=%C3%BC');
  for (const body of [undefined, null, 'text', Buffer.from('x')]) expect(toUndiciBody(body)).toBe(body);
});

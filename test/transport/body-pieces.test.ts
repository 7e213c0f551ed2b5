import { describe, expect, test } from 'vitest';
import { inPieces } from '../../src/transport/body-pieces.js';

const large = Buffer.from('0123456789'.repeat(20_000));

describe('a large body in memory', () => {
  test.each([
    ['bytes', large],
    ['a view of other bytes', new Uint8Array(Buffer.concat([large, large]).buffer, 0, large.length)],
    ['a string', large.toString()],
    ['an ArrayBuffer', Uint8Array.from(large).buffer],
  ])('is split, with its length: %s', (_what, body) => {
    const { body: pieces, headers } = inPieces({ path: '/', method: 'PUT', headers: { a: 'b' }, body });

    expect(Array.isArray(pieces)).toBe(true);
    const list = pieces as Buffer[];
    expect(list.map(({ length }) => length)).toEqual([65_536, 65_536, 65_536, 200_000 - 3 * 65_536]);
    if (_what !== 'a view of other bytes') expect(Buffer.concat(list).equals(large)).toBe(true);
    expect(headers).toEqual({ a: 'b', 'content-length': '200000' });
  });

  test('keeps a correct Content-Length of the program', () => {
    const headers = ['Content-Length', '200000'];
    expect(inPieces({ path: '/', method: 'POST', headers, body: large }).headers).toEqual(headers);
  });

  test.each([
    [
      'the Content-Length is wrong',
      { path: '/', method: 'PUT', headers: { 'content-length': '7' }, body: large },
    ],
    ['the method has no body', { path: '/', method: 'GET', body: large }],
  ])('is not split when %s', (_why, request) => {
    expect(inPieces(request)).toBe(request);
  });
});

test.each([
  ['no body', undefined],
  ['65,536 bytes', Buffer.alloc(65_536)],
  ['a short string', 'x'.repeat(30_000)],
])('a small body stays whole: %s', (_what, body) => {
  const request = { path: '/', method: 'PUT', body };
  expect(inPieces(request)).toBe(request);
});

import { describe, expect, test } from 'vitest';
import { inPieces } from '../../src/transport/body-pieces.js';

async function collect(body: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return pieces;
}

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

describe('a large blob', () => {
  const blob = new Blob([large], { type: 'text/plain' });

  test('is split, with its length and its media type, and can be read twice', async () => {
    const { body, headers } = inPieces({ path: '/', method: 'PUT', body: blob });

    expect(headers).toEqual({ 'content-length': '200000', 'content-type': 'text/plain' });
    for (let i = 0; i < 2; i++) {
      const pieces = await collect(body as AsyncIterable<Uint8Array>);
      expect(pieces.map(({ length }) => length)).toEqual([65_536, 65_536, 65_536, 200_000 - 3 * 65_536]);
      expect(Buffer.concat(pieces).equals(large)).toBe(true);
    }
  });

  test('keeps the media type that the program states', () => {
    const request = { path: '/', method: 'PUT', headers: ['Content-Type', 'image/png'], body: blob };
    expect(inPieces(request).headers).toEqual(['Content-Type', 'image/png', 'content-length', '200000']);
  });

  test('of 64 KiB stays whole', () => {
    const request = { path: '/', method: 'PUT', body: new Blob([large.subarray(0, 65_536)]) };
    expect(inPieces(request)).toBe(request);
  });
});

describe('a form', () => {
  test('without a large file stays as it is', () => {
    const form = new FormData();
    form.set('text', 'x'.repeat(200_000));
    expect(inPieces({ path: '/', method: 'POST', body: form }).body).toBe(form);
  });

  test('with a large file has the same names, text, file name and type, and a file that is read in pieces', async () => {
    const form = new FormData();
    form.append('text', 'é');
    form.append('file', new File([large], 'a.txt', { type: 'text/plain', lastModified: 7 }));
    const copy = inPieces({ path: '/', method: 'POST', body: form }).body as FormData;

    expect(copy).not.toBe(form);
    expect(copy.get('text')).toBe('é');
    const file = copy.get('file');
    if (!(file instanceof File)) throw new TypeError('the file is missing');
    expect([file.name, file.type, file.lastModified, file.size]).toEqual(['a.txt', 'text/plain', 7, 200_000]);
    const pieces = await collect(file.stream());
    expect(pieces.map(({ length }) => length)).toEqual([65_536, 65_536, 65_536, 200_000 - 3 * 65_536]);
    expect(Buffer.concat(pieces).equals(large)).toBe(true);
  });
});

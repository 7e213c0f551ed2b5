import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { sanitizeLine, sanitizedJson, sanitizeText } from '../../src/cli/sanitize.js';
import { Output, styled } from '../../src/cli/output.js';
import { formatCount, formatDuration } from '../../src/cli/format.js';

function createOutput(isTTY: boolean, env: Record<string, string> = {}) {
  const stream = Object.assign(new PassThrough(), { isTTY });
  const text = (): string => {
    const chunks: Buffer[] = [];
    // Node 26 returns one written chunk at a time.
    for (let chunk: unknown; (chunk = stream.read()) !== null;) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString();
  };
  return { out: new Output(stream, env), text };
}

test('columns are aligned over all parts of a table, without trailing blanks', async () => {
  const { out, text } = createOutput(false);
  const print = out.table('  ');
  await print([
    ['a', 'long', ''],
    ['long name', 'b', 'c'],
  ]);
  await print([
    ['x', '', 'y'],
    ['', 'z', ''],
  ]);
  expect(text()).toBe(
    '  a          long\n' + //
      '  long name  b     c\n' +
      '  x                y\n' +
      '             z\n',
  );
});

test('output is colored only on terminals, and not with NO_COLOR or TERM=dumb', async () => {
  const red = '\u001b[31mno\u001b[39m\n';
  for (const [isTTY, env, expected] of [
    [true, {}, red],
    [true, { NO_COLOR: '' }, red],
    [true, { NO_COLOR: '1' }, 'no\n'],
    [true, { TERM: 'dumb' }, 'no\n'],
    [false, {}, 'no\n'],
  ] as const) {
    const { out, text } = createOutput(isTTY, env);
    await out.line(styled('bad', 'no'));
    expect(text()).toBe(expected);
  }
});

test('colors do not count for the width of a column', async () => {
  const { out, text } = createOutput(true);
  await out.table()([
    [styled('good', 'up'), 'x'],
    ['draining', 'y'],
  ]);
  expect(text()).toBe('\u001b[32mup\u001b[39m        x\ndraining  y\n');
});

test.each([
  ['\u001b]0;owned\u0007\u001b[2Jx', '\\u001b]0;owned\\u0007\\u001b[2Jx'],
  ['\u009b31mred', '\\u009b31mred'],
  ['one\r\nclerk: two\tthree', 'one clerk: two three'],
  ['\u202egnp.exe\u2066', '\\u202egnp.exe\\u2066'],
  ['a\u200bb\ufeffc\ud800d', 'a\\u200bb\\ufeffc\\ud800d'],
  ['grün → 日本 👍', 'grün → 日本 👍'],
])('sanitizes %j', (text, expected) => expect(sanitizeLine(text)).toBe(expected));

test('sanitizeText keeps line breaks', () =>
  expect(sanitizeText('a\r\n\tb\u001b[1m\rc\n')).toBe('a\n\tb\\u001b[1m\\u000dc\n'));

test('sanitizedJson parses to the same value', () => {
  const value = { '\u009b': '\u202e\u001b[2J\u{e0001}', ok: 'grün 👍' };
  const text = sanitizedJson(value);
  expect(text).toBe('{"\\u009b":"\\u202e\\u001b[2J\\udb40\\udc01","ok":"grün 👍"}');
  expect(JSON.parse(text)).toEqual(value);
});

test.each([
  [0, '0 ms'],
  [0.44, '0.4 ms'],
  [320.4, '320 ms'],
  [999.7, '1 s'],
  [4_800, '4.8 s'],
  [10_000, '10 s'],
  [59_990, '1 min'],
  [90_000, '1.5 min'],
  [604_800_000, '7 d'],
  [Infinity, 'unlimited'],
])('formats %f ms as %s', (ms, expected) => expect(formatDuration(ms)).toBe(expected));

test('formatCount uses the singular for 1', () =>
  expect([0, 1, 2].map((n) => formatCount(n, 'endpoint'))).toEqual([
    '0 endpoints',
    '1 endpoint',
    '2 endpoints',
  ]));

test('a write waits for a slow reader', async () => {
  const stream = Object.assign(new PassThrough({ highWaterMark: 4 }), { isTTY: false });
  const out = new Output(stream, {});
  let isWritten = false;
  const writing = out.line('more than four').then(() => {
    isWritten = true;
  });
  await new Promise(setImmediate);
  expect(isWritten).toBe(false);
  stream.resume();
  await writing;
  expect(isWritten).toBe(true);
});

import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { sanitizeLine, sanitizedJson, sanitizeText } from '../../src/cli/sanitize.js';
import { Output, styled } from '../../src/cli/output.js';
import { formatCount, formatDuration } from '../../src/cli/format.js';

function outlet(isTTY: boolean, env: Record<string, string> = {}) {
  const stream = Object.assign(new PassThrough(), { isTTY });
  return { out: new Output(stream, env), said: () => String(stream.read() ?? '') };
}

test('columns line up over the parts of a table, and no line ends with blanks', async () => {
  const { out, said } = outlet(false);
  const print = out.table('  ');
  await print([
    ['a', 'long', ''],
    ['long name', 'b', 'c'],
  ]);
  await print([
    ['x', '', 'y'],
    ['', 'z', ''],
  ]);
  expect(said()).toBe(
    '  a          long\n' + //
      '  long name  b     c\n' +
      '  x                y\n' +
      '             z\n',
  );
});

test('colours are for terminals, and not for those that want none', async () => {
  const red = '\u001b[31mno\u001b[39m\n';
  for (const [isTTY, env, expected] of [
    [true, {}, red],
    [true, { NO_COLOR: '' }, red],
    [true, { NO_COLOR: '1' }, 'no\n'],
    [true, { TERM: 'dumb' }, 'no\n'],
    [false, {}, 'no\n'],
  ] as const) {
    const { out, said } = outlet(isTTY, env);
    await out.line(styled('bad', 'no'));
    expect(said()).toBe(expected);
  }
});

test('colours take no room in a column', async () => {
  const { out, said } = outlet(true);
  await out.table()([
    [styled('good', 'up'), 'x'],
    ['draining', 'y'],
  ]);
  expect(said()).toBe('\u001b[32mup\u001b[39m        x\ndraining  y\n');
});

test.each([
  ['\u001b]0;owned\u0007\u001b[2Jx', ']0;owned[2Jx'],
  ['\u009b31mred', '31mred'],
  ['one\r\nclerk: two\tthree', 'one clerk: two three'],
  ['\u202egnp.exe\u2066', 'gnp.exe'],
  ['a\u200bb\ufeffc\ud800d', 'abcd'],
  ['grün → 日本 👍', 'grün → 日本 👍'],
])('%j becomes harmless', (text, expected) => expect(sanitizeLine(text)).toBe(expected));

test('a text of many lines keeps its lines', () =>
  expect(sanitizeText('a\r\n\tb\u001b[1m\rc\n')).toBe('a\n\tb[1mc\n'));

test('JSON stays the same value and shows what it is', () => {
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
  [Infinity, 'for ever'],
])('%f ms reads as %s', (ms, expected) => expect(formatDuration(ms)).toBe(expected));

test('one is one', () =>
  expect([0, 1, 2].map((n) => formatCount(n, 'endpoint'))).toEqual([
    '0 endpoints',
    '1 endpoint',
    '2 endpoints',
  ]));

test('a slow reader is waited for', async () => {
  const stream = Object.assign(new PassThrough({ highWaterMark: 4 }), { isTTY: false });
  const out = new Output(stream, {});
  let written = false;
  const writing = out.line('more than four').then(() => {
    written = true;
  });
  await new Promise(setImmediate);
  expect(written).toBe(false);
  stream.resume();
  await writing;
  expect(written).toBe(true);
});

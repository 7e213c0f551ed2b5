import { expect, test } from 'vitest';
import { maxJsonDepth, parseJson } from '../../src/core/parse-json.js';

const padding = ' '.repeat(5_000);
const nested = (depth: number, open = '[', close = ']'): string => open.repeat(depth) + close.repeat(depth);

test.each([
  nested(maxJsonDepth),
  `${nested(maxJsonDepth)}${padding}`,
  `[${`${nested(10)},`.repeat(500)}1]`,
  `{"a":"${'['.repeat(5_000)}"}`,
  `["${'\\"['.repeat(2_000)}","${'\\\\'.repeat(2_000)}",[[]]]`,
  JSON.stringify({ a: '\\', b: [padding] }),
])('parses as JSON.parse does', (text) => expect(parseJson(text)).toEqual(JSON.parse(text)));

test.each([
  `${nested(maxJsonDepth + 1)}${padding}`,
  '['.repeat(1_000_000),
  nested(1_000_000),
  nested(20_000, '{"a":', '}'),
  `["\\\\",${nested(3_000)}]`,
])('rejects deep nesting before parsing', (text) =>
  expect(() => parseJson(text)).toThrow('more than 64 levels of objects and lists'),
);

test('an error quotes no control characters', () => expect(() => parseJson('\u001b[2J')).toThrow(/\\u001b/));

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.js';
import { LinearPattern } from '../../../src/server/launcher/linear-pattern.js';
import { fillTemplates, type ManifestParameter } from '../../../src/server/launcher/parameters.js';

const text: ManifestParameter = { type: 'string', allowed: undefined };

function outcome(
  parameter: ManifestParameter,
  value: unknown,
  template = '--x=${p}',
): readonly string[] | string {
  try {
    return fillTemplates([template], new Map([['p', parameter]]), { p: value as string });
  } catch (error) {
    expect(error).toMatchObject({ code: 'START_FAILED' });
    return errorMessage(error);
  }
}

test('a value always stays within one argument', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 256 }), (value) => {
      fc.pre(!value.includes('\0') && value.length <= 256);
      expect(outcome(text, value)).toEqual([`--x=${value}`]);
    }),
    { seed: 5, numRuns: 500 },
  );
  for (const value of ['a b', '; rm -rf /', '$(reboot)', '`reboot`', '${p}', '$&', 'a\'b"c', 'a\nb', ''])
    expect(outcome(text, value)).toEqual([`--x=${value}`]);
});

test.each([
  ['--x=${p}', '-v', ['--x=-v']],
  ['--long-option=${p}', -5, ['--long-option=-5']],
  [
    '${p}',
    '-v',
    "Parameter 'p' must not begin with '-', because the program could parse the value as an option; to allow such values, write the argument in the manifest as '--x=${p}'",
  ],
  ['${p}', -5, /^Parameter 'p' must not begin with '-'/],
  ['-x${p}', '-v', /^Parameter 'p' must not begin with '-'/],
  ['-x=${p}', '-v', /^Parameter 'p' must not begin with '-'/],
  ['--x=a${p}', '-v', /^Parameter 'p' must not begin with '-'/],
  ['--x=${p}${p}', '-v', /^Parameter 'p' must not begin with '-'/],
  ['${p}', 'v-', ['v-']],
] as const)('fills %s with %j: %j', (template, value, expected) => {
  const parameter: ManifestParameter =
    typeof value === 'number' ? { type: 'integer', min: -9, max: 9 } : text;
  const result = outcome(parameter, value, template);
  if (expected instanceof RegExp) expect(result).toMatch(expected);
  else expect(result).toEqual(expected);
});

test.each([
  [{ type: 'integer', min: 1, max: 10 }, 1, ['--x=1']],
  [{ type: 'integer', min: 1, max: 10 }, 10, ['--x=10']],
  [{ type: 'integer', min: 1, max: 10 }, 0, "Parameter 'p' must be from 1 to 10; got 0"],
  [{ type: 'integer', min: 1, max: 10 }, 11, "Parameter 'p' must be from 1 to 10; got 11"],
  [{ type: 'integer', min: 1, max: 10 }, 1.5, "Parameter 'p' must be of type integer; got 1.5"],
  [{ type: 'integer', min: 1, max: 10 }, '7', ['--x=7']],
  [{ type: 'integer', min: 1, max: 10 }, '07', "Parameter 'p' must be of type integer; got '07'"],
  [{ type: 'integer', min: 1, max: 10 }, '1e0', "Parameter 'p' must be of type integer; got '1e0'"],
  [{ type: 'integer', min: 1, max: 10 }, ' 7', "Parameter 'p' must be of type integer; got ' 7'"],
  [
    { type: 'number', min: -Infinity, max: Infinity },
    'Infinity',
    "Parameter 'p' must be of type number; got 'Infinity'",
  ],
  [{ type: 'number', min: 0, max: 1 }, 0.25, ['--x=0.25']],
  [{ type: 'number', min: 0, max: 1 }, NaN, "Parameter 'p' must be of type number; got NaN"],
  [{ type: 'string', allowed: new LinearPattern('[a-z]+') }, 'abc', ['--x=abc']],
  [
    { type: 'string', allowed: new LinearPattern('[a-z]+') },
    'abc;',
    "Parameter 'p' must be a value that the manifest allows; got 'abc;'",
  ],
  [{ type: 'string', allowed: new Set(['a', 'b']) }, 'b', ['--x=b']],
  [
    { type: 'string', allowed: new Set(['a', 'b']) },
    'c',
    "Parameter 'p' must be a value that the manifest allows; got 'c'",
  ],
  [text, 7, "Parameter 'p' must be a string; got a number"],
  [text, 'a\0b', "Parameter 'p' must not contain the character \\u0000"],
  [text, 'x'.repeat(256), [`--x=${'x'.repeat(256)}`]],
  [text, 'x'.repeat(257), "Parameter 'p' must be at most 256 characters; got 257"],
] as const)('%j with value %j: %j', (parameter, value, expected) => {
  expect(outcome(parameter, value)).toEqual(expected);
});

test('each declared parameter needs a value, and others are rejected', () => {
  const parameters = new Map([['p', text]]);
  expect(() => fillTemplates([], parameters, {})).toThrow(
    "Parameter 'p' is required; set the parameter in the launch rule",
  );
  expect(() => fillTemplates([], parameters, { p: 'a', q: 'b' })).toThrow(
    "Parameter 'q' is not declared in the manifest; remove the parameter from the launch rule",
  );
  expect(() => fillTemplates([], new Map([['toString', text]]), {})).toThrow(
    "Parameter 'toString' is required",
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.js';
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

test('whatever a value holds, it stays within its one argument', () => {
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
  ['${p}', '-v', "Parameter 'p' begins with '-' and could pass for an option; it can stand in '--x=${p}'"],
  ['${p}', -5, /^Parameter 'p' begins with '-'/],
  ['-x${p}', '-v', /^Parameter 'p' begins with '-'/],
  ['-x=${p}', '-v', /^Parameter 'p' begins with '-'/],
  ['--x=a${p}', '-v', /^Parameter 'p' begins with '-'/],
  ['--x=${p}${p}', '-v', /^Parameter 'p' begins with '-'/],
  ['${p}', 'v-', ['v-']],
] as const)('in %s the value %j gives %j', (template, value, expected) => {
  const parameter: ManifestParameter =
    typeof value === 'number' ? { type: 'integer', min: -9, max: 9 } : text;
  const said = outcome(parameter, value, template);
  if (expected instanceof RegExp) expect(said).toMatch(expected);
  else expect(said).toEqual(expected);
});

test.each([
  [{ type: 'integer', min: 1, max: 10 }, 1, ['--x=1']],
  [{ type: 'integer', min: 1, max: 10 }, 10, ['--x=10']],
  [{ type: 'integer', min: 1, max: 10 }, 0, "Parameter 'p' is 0; 1 to 10 can be there"],
  [{ type: 'integer', min: 1, max: 10 }, 11, "Parameter 'p' is 11; 1 to 10 can be there"],
  [{ type: 'integer', min: 1, max: 10 }, 1.5, "Parameter 'p' is 1.5, not of type integer"],
  [{ type: 'integer', min: 1, max: 10 }, '7', ['--x=7']],
  [{ type: 'integer', min: 1, max: 10 }, '07', "Parameter 'p' is '07', not of type integer"],
  [{ type: 'integer', min: 1, max: 10 }, '1e0', "Parameter 'p' is '1e0', not of type integer"],
  [{ type: 'integer', min: 1, max: 10 }, ' 7', "Parameter 'p' is ' 7', not of type integer"],
  [
    { type: 'number', min: -Infinity, max: Infinity },
    'Infinity',
    "Parameter 'p' is 'Infinity', not of type number",
  ],
  [{ type: 'number', min: 0, max: 1 }, 0.25, ['--x=0.25']],
  [{ type: 'number', min: 0, max: 1 }, NaN, "Parameter 'p' is NaN, not of type number"],
  [{ type: 'string', allowed: /^(?:[a-z]+)$/u }, 'abc', ['--x=abc']],
  [
    { type: 'string', allowed: /^(?:[a-z]+)$/u },
    'abc;',
    "Parameter 'p' is 'abc;', which the manifest does not allow",
  ],
  [{ type: 'string', allowed: new Set(['a', 'b']) }, 'b', ['--x=b']],
  [
    { type: 'string', allowed: new Set(['a', 'b']) },
    'c',
    "Parameter 'p' is 'c', which the manifest does not allow",
  ],
  [text, 7, "Parameter 'p' is a number, not a text"],
  [text, 'a\0b', "Parameter 'p' has the character \\u0000, which no argument can hold"],
  [text, 'x'.repeat(256), [`--x=${'x'.repeat(256)}`]],
  [text, 'x'.repeat(257), "Parameter 'p' has 257 characters; 256 is the most"],
] as const)('%j takes %j: %j', (parameter, value, expected) => {
  expect(outcome(parameter, value)).toEqual(expected);
});

test('every parameter has one value, and there is no other', () => {
  const parameters = new Map([['p', text]]);
  expect(() => fillTemplates([], parameters, {})).toThrow(
    "Parameter 'p' has no value; give it with the launch rule",
  );
  expect(() => fillTemplates([], parameters, { p: 'a', q: 'b' })).toThrow(
    "Parameter 'q' is not known to the manifest",
  );
  expect(() => fillTemplates([], new Map([['toString', text]]), {})).toThrow(
    "Parameter 'toString' has no value",
  );
});

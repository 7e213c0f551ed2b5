/** Random names: valid ones, and ones that break one rule. */
import fc from 'fast-check';

const inner = 'abcdefghijklmnopqrstuvwxyz0123456789-'.split('');
const outer = inner.slice(0, -1);

/** Segments of all lengths. */
export const segment = fc
  .tuple(
    fc.constantFrom(...outer),
    fc.string({ unit: fc.constantFrom(...inner), maxLength: 61 }),
    fc.option(fc.constantFrom(...outer), { nil: '' }),
  )
  .map(([first, middle, last]) => first + (last === '' ? '' : middle) + last)
  .filter((text) => !text.startsWith('xn--'));

/** Absolute names without a directory identifier. */
export const plainName = fc
  .array(segment, { minLength: 1, maxLength: 16 })
  .map((segments) => `/${segments.join('/')}`)
  .filter((name) => name.length <= 247);

/** Directory identifiers, as first segments. */
export const directory = fc
  .string({ unit: fc.constantFrom(...inner), minLength: 1, maxLength: 32 })
  .map((id) => `#${id}`);

/** Absolute names of both kinds. */
export const anyName = fc.oneof(
  plainName,
  directory.map((id) => `/${id}`),
  fc.tuple(directory, plainName).map(([id, name]) => `/${id}${name.split('/').slice(0, 3).join('/')}`),
);

/** Small names over two letters, which small globs are likely to match. */
export const smallName = fc
  .array(fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 5,
  })
  .map((segments) => `/${segments.join('/')}`);

/** Names with one invalid character. */
export const brokenName = fc
  .tuple(
    plainName,
    fc.constantFrom(
      'A',
      'Z',
      '_',
      '.',
      '..',
      '%',
      '%2e',
      '\\',
      ' ',
      '\0',
      '\n',
      '*',
      '#',
      '?',
      ':',
      '@',
      '~',
      'ä',
      'а',
      '\u212a',
      'ſ',
      '．',
      '\ud800',
      '😀',
      '\u202e',
    ),
    fc.nat(),
  )
  .map(([name, bad, at]) => {
    const position = 2 + (at % (name.length - 1));
    return name.slice(0, position) + bad + name.slice(position);
  });

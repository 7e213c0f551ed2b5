import { expect, test } from 'vitest';
import { isLocalError } from '../../src/core/local-errors.js';

const coded = (code: string): Error => Object.assign(new Error(code), { code });

test('only errors for which this host lacks something are local', () => {
  for (const code of ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EAI_AGAIN'])
    expect(isLocalError(coded(code))).toBe(true);
  for (const error of [
    coded('ECONNREFUSED'),
    coded('ENOTFOUND'),
    new Error('x'),
    'EMFILE',
    undefined,
    null,
    7,
  ])
    expect(isLocalError(error)).toBe(false);
});

test('of several errors, all must be local', () => {
  expect(isLocalError(new AggregateError([coded('EMFILE'), coded('EADDRNOTAVAIL')]))).toBe(true);
  expect(isLocalError(new AggregateError([coded('EMFILE'), coded('ECONNREFUSED')]))).toBe(false);
  expect(isLocalError(new AggregateError([]))).toBe(false);
});

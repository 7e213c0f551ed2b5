import { expect, test } from 'vitest';
import { retryAfterMs } from '../../src/invoke/parse-retry-after.js';

const wallNow = Date.parse('2026-03-01T12:00:00Z');
const after = (value: string, header = 'retry-after'): number | undefined =>
  retryAfterMs([Buffer.from('date'), Buffer.from('now'), Buffer.from(header), Buffer.from(value)], wallNow);

test('Retry-After is a number of seconds or a date in any HTTP form', () => {
  expect(after('0')).toBe(0);
  expect(after('7')).toBe(7_000);
  expect(after(' 120 ')).toBe(120_000);
  expect(after('Sun, 01 Mar 2026 12:00:30 GMT')).toBe(30_000);
  expect(after('Sunday, 01-Mar-26 12:00:30 GMT')).toBe(30_000);
  expect(after('Sun Mar  1 12:00:30 2026')).toBe(30_000);
  expect(after('Sun, 01 Mar 2026 11:00:00 GMT')).toBe(0);
  expect(after('5', 'Retry-After')).toBe(5_000);
});

test('HTTP dates are in GMT, whatever the local time zone', () => {
  const zone = process.env.TZ;
  process.env.TZ = 'America/New_York';
  try {
    expect(after('Sun Mar  1 12:00:30 2026')).toBe(30_000);
    expect(after('Sun, 01 Mar 2026 12:00:30 GMT')).toBe(30_000);
  } finally {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  }
});

test('an invalid Retry-After is ignored', () => {
  for (const value of [
    '',
    'soon',
    '-1',
    '1.5',
    '1e3',
    '0x10',
    '+5',
    '12345678901',
    '2026-03-01',
    '∞',
    'Mon',
    'NaN',
    'Infinity',
    '5, 7',
  ])
    expect(after(value), value).toBeUndefined();
  expect(after('5', 'x-retry-after')).toBeUndefined();
  expect(retryAfterMs(null, wallNow)).toBeUndefined();
  expect(retryAfterMs([], wallNow)).toBeUndefined();
  expect(retryAfterMs(['retry-after'], wallNow)).toBeUndefined();
});

test('the first Retry-After counts, and header values are not read as names', () => {
  expect(retryAfterMs(['Retry-After', '1', 'retry-after', '2'], wallNow)).toBe(1_000);
  expect(retryAfterMs(['x', 'retry-after', '3', '4'], wallNow)).toBeUndefined();
});

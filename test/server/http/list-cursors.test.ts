import { expect, test } from 'vitest';
import { compareNames } from '../../../src/core/name.js';
import { ListCursors } from '../../../src/server/http/list-cursors.js';

test('a cursor stands for a hidden name, and sorts between the visible names', () => {
  const cursors = new ListCursors();
  const first = cursors.hide('/pay/m', '/pay/a');
  const second = cursors.hide('/pay/q', first);
  expect([first, second].join()).not.toMatch(/\/(m|q)/);
  expect(cursors.reveal(first)).toBe('/pay/m');
  expect(cursors.reveal(second)).toBe('/pay/q');
  const order = ['/pay/a', first, second, '/pay/a-b', '/pay/z'];
  expect(order.toSorted(compareNames)).toEqual(order);
});

test('a cursor before the first visible name sorts before all names', () => {
  expect(compareNames(new ListCursors().hide('/a/b', undefined), '/0')).toBeLessThan(0);
});

test('other texts stay as they are; an unknown or old cursor is refused', () => {
  const cursors = new ListCursors();
  expect(cursors.reveal(undefined)).toBeUndefined();
  expect(cursors.reveal('/pay/a')).toBe('/pay/a');
  const old = cursors.hide('/pay/m', undefined);
  for (let i = 0; i < 1_000; i++) cursors.hide('/pay/n', undefined);
  for (const text of [old, '/!000000000000'])
    expect(() => cursors.reveal(text)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

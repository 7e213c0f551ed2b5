/** The page on troubleshooting has one section for each error code. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('docs/troubleshooting.md has a section for each error code, and for no other code', () => {
  const [, union = ''] = /export type ClerkErrorCode =([^;]+);/.exec(read('src/core/errors.ts')) ?? [];
  const codes = [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(20);
  const sections = [...read('docs/troubleshooting.md').matchAll(/^### `(\w+)`$/gm)].map(([, code]) => code);
  expect(sections.sort()).toEqual(codes.sort());
});

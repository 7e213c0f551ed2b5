import { expect, test } from 'vitest';
import { createEnrolToken, isEnrolToken } from '../../src/protocol/enrol-token.js';
import { rotationStatement } from '../../src/protocol/rotation-statement.js';
import { systemHashing } from '../../src/runtime/hashing.js';

test('tokens have 256 random bits and one form', () => {
  const tokens = Array.from({ length: 100 }, () => createEnrolToken(systemHashing));
  expect(new Set(tokens).size).toBe(100);
  for (const token of tokens) expect(isEnrolToken(token)).toBe(true);
  expect(createEnrolToken({ randomHex: (bytes) => '0f'.repeat(bytes) })).toBe(
    'clerk_token_Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8',
  );
});

test.each([
  '',
  'clerk_token_',
  'Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8',
  'clerk_token_Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw',
  'clerk_token_Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw9',
  'clerk_token_Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8=',
  'clerk_token_Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8\n',
  'CLERK_TOKEN_Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8',
  undefined,
  7,
])('%j is refused', (value) => expect(isEnrolToken(value)).toBe(false));

test('two rotations never have the same statement', () => {
  const rotation = { principal: '/a', from: 'sha256/1', to: 'sha256/2', registry: 'sha256/3' };
  const statements = [
    rotation,
    { ...rotation, principal: '/b' },
    { ...rotation, from: 'sha256/2', to: 'sha256/1' },
    { ...rotation, registry: 'sha256/4' },
  ].map(rotationStatement);
  expect(new Set(statements).size).toBe(4);
  expect(statements[0]).toBe('binding-clerk key rotation v1\n/a\nsha256/1\nsha256/2\nsha256/3\n');
});

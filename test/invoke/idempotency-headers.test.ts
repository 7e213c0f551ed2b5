import { createFakeRuntime } from 'binding-clerk/testing';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../src/core/address.js';
import { createCallId, parseExecutionHeaders } from '../../src/invoke/idempotency-headers.js';
import { callIdPattern } from '../../src/protocol/call-headers.js';

const headers = (...texts: string[]): Buffer[] => texts.map((text) => Buffer.from(text));

describe('clerk-not-executed is trusted', () => {
  test.each([
    ['http://127.0.0.1:1', true],
    ['http://localhost:1', true],
    ['http://[::1]:1', true],
    ['unix:/tmp/a', true],
    ['https://10.0.0.7:1', true],
    ['http://10.0.0.7:1', false],
    ['http://localhost.example:1', false],
  ])('from %s: %s', (address, isTrusted) => {
    const raw = headers('Date', 'now', 'Clerk-Not-Executed', '1');
    expect(parseExecutionHeaders(raw, parseAddress(address)).isNotExecuted).toBe(isTrusted);
  });

  test.each(['0', '', 'yes', '1, 1'])('never with the value %j', (value) => {
    const raw = headers('clerk-not-executed', value);
    expect(parseExecutionHeaders(raw, parseAddress('http://127.0.0.1:1')).isNotExecuted).toBe(false);
  });
});

test.each([
  ['replayed', 'replayed'],
  [' running ', 'running'],
  ['done', undefined],
  ['', undefined],
])('the idempotency status %j is parsed as %s', (value, status) => {
  const raw = headers('clerk-idempotency', value);
  expect(parseExecutionHeaders(raw, parseAddress('http://10.0.0.7:1')).status).toBe(status);
});

test('a call id contains its creation time and is unique', () => {
  const runtime = createFakeRuntime({ seed: 3 });
  const ids = Array.from({ length: 1_000 }, () => createCallId(runtime));
  expect(new Set(ids).size).toBe(1_000);
  for (const id of ids) expect(Number(callIdPattern.exec(id)?.[1])).toBe(Math.floor(runtime.wallNow()));
});

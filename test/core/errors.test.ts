import { runInNewContext } from 'node:vm';
import { expect, test, vi } from 'vitest';
import { ClerkError, isClerkError, errorMessage } from '../../src/core/errors.js';

test('an error has a code, an execution and a cause', () => {
  const cause = new Error('reset');
  const error = new ClerkError('OUTCOME_UNKNOWN', 'The answer was lost', { execution: 'unknown', cause });
  expect(error).toMatchObject({
    name: 'ClerkError',
    code: 'OUTCOME_UNKNOWN',
    message: 'The answer was lost',
    execution: 'unknown',
    outcomes: [],
    cause,
  });
  expect(error).toBeInstanceOf(Error);
  expect(String(error)).toBe('ClerkError: The answer was lost');
});

test('an aborted call has the name of fetch’s AbortError', () => {
  const reason = new Error('Cancelled');
  const error = new ClerkError('ABORTED', 'The call was aborted', { cause: reason });
  expect(error).toMatchObject({ name: 'AbortError', code: 'ABORTED', cause: reason });
  expect(isClerkError(error)).toBe(true);
});

test('an error without an execution has the execution none', () => {
  const error = new ClerkError('LIMIT_EXCEEDED', 'Too many');
  expect(error.execution).toBe('none');
  expect('cause' in error).toBe(false);
  expect(error.statusCode).toBeUndefined();
});

test('isClerkError recognizes errors of another copy of this library, and nothing else', async () => {
  expect(isClerkError(new ClerkError('LIMIT_EXCEEDED', 'x'))).toBe(true);
  vi.resetModules();
  const copy = await import('../../src/core/errors.js');
  expect(copy.ClerkError).not.toBe(ClerkError);
  expect(isClerkError(new copy.ClerkError('LIMIT_EXCEEDED', 'x'))).toBe(true);
  for (const other of [
    new Error('x'),
    { code: 'LIMIT_EXCEEDED', name: 'ClerkError' },
    null,
    undefined,
    'LIMIT_EXCEEDED',
    runInNewContext('new Error("x")'),
  ])
    expect(isClerkError(other)).toBe(false);
});

test('the brand of isClerkError is neither enumerable nor serialized', () => {
  const error = new ClerkError('LIMIT_EXCEEDED', 'x');
  expect(Object.keys(error).sort()).toEqual([
    'bodyText',
    'code',
    'execution',
    'name',
    'outcomes',
    'remainingMs',
    'statusCode',
  ]);
  expect(JSON.parse(JSON.stringify(error))).toMatchObject({ code: 'LIMIT_EXCEEDED', execution: 'none' });
});

test('a cause with a cycle, such as the certificates of an error of TLS, does not prevent serialization', () => {
  const cert: Record<string, unknown> = { subject: 'other.host' };
  cert.issuerCertificate = cert;
  const cause = Object.assign(new Error('altname'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID', cert, big: 1n });
  const text = JSON.stringify(new ClerkError('REGISTRY_UNREACHABLE', 'x', { cause }));
  expect(JSON.parse(text)).toMatchObject({
    cause: { name: 'Error', message: 'altname', code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
  });
  // An error that contains an error of which it is the cause.
  const outer = new ClerkError('ABORTED', 'outer', { cause: Object.assign(cause, { socket: { port: 1 } }) });
  Object.assign(cause, { outer });
  expect(JSON.parse(JSON.stringify(outer))).toMatchObject({
    cause: { message: 'altname', socket: { port: 1 } },
  });
  const outcomes = [{ attempt: 1, endpoint: 'a', error: cause }] as never;
  expect(JSON.parse(JSON.stringify(new ClerkError('ENDPOINTS_EXHAUSTED', 'x', { outcomes })))).toMatchObject({
    outcomes: [{ endpoint: 'a', error: { message: 'altname' } }],
  });
});

test('errorMessage of any thrown value is not empty', () => {
  expect(errorMessage(new Error('connect ECONNREFUSED'))).toBe('connect ECONNREFUSED');
  expect(errorMessage(new TypeError(''))).toBe('TypeError');
  expect(errorMessage(new AggregateError([new Error('a'), new AggregateError([new Error('b')])]))).toBe(
    'a; b',
  );
  expect(errorMessage(new AggregateError([new Error('a')], 'all failed'))).toBe('all failed');
  expect(errorMessage('text')).toBe('text');
  expect(errorMessage(undefined)).toBe('undefined');
  expect(errorMessage(new AggregateError([]))).toBe('AggregateError');
  expect(errorMessage('')).toBe('an empty string');
  expect(errorMessage(Symbol('s'))).toBe('Symbol(s)');
  expect(errorMessage(Object.create(null))).toBe('an object that cannot be converted to a string');
});

import { expect, test } from 'vitest';
import { ClerkError } from '../../src/core/errors.js';
import {
  wrapCallerError,
  callerErrorCode,
  codeOf,
  evidenceOf,
  isFailureStatus,
} from '../../src/invoke/classify-error.js';

const coded = (code: string): Error => Object.assign(new Error(`${code} happened`), { code });

test('the code of anything thrown is its own code, else its name', () => {
  expect(codeOf(coded('ECONNRESET'))).toBe('ECONNRESET');
  expect(codeOf(new TypeError('x'))).toBe('TypeError');
  expect(codeOf(new ClerkError('LIMIT_EXCEEDED', 'x'))).toBe('LIMIT_EXCEEDED');
  expect(codeOf(new AggregateError([coded('ECONNREFUSED'), coded('EHOSTUNREACH')]))).toBe('ECONNREFUSED');
  expect(codeOf(Object.assign(new AggregateError([coded('ECONNREFUSED')]), { code: 'EALL' }))).toBe('EALL');
  expect(codeOf(new AggregateError([]))).toBe('AggregateError');
  expect(codeOf(Object.assign(new Error('x'), { code: 7 }))).toBe('Error');
  for (const thrown of [undefined, null, 'text', 7]) expect(codeOf(thrown)).toBe(typeof thrown);
});

test('faults of the request are the caller’s, faults of the network are not', () => {
  for (const code of [
    'UND_ERR_INVALID_ARG',
    'UND_ERR_NOT_SUPPORTED',
    'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
    'ERR_INVALID_ARG_TYPE',
  ])
    expect(callerErrorCode(coded(code))).toBe('CONFIG_INVALID');
  expect(callerErrorCode(coded('UND_ERR_RES_EXCEEDED_MAX_SIZE'))).toBe('BODY_TOO_LARGE');
  expect(callerErrorCode(new ClerkError('CLERK_CLOSED', 'x'))).toBe('CLERK_CLOSED');
  for (const code of [
    'ECONNREFUSED',
    'ECONNRESET',
    'UND_ERR_SOCKET',
    'UND_ERR_HEADERS_TIMEOUT',
    'HPE_INVALID_CONSTANT',
    '__proto__',
    'constructor',
  ])
    expect(callerErrorCode(coded(code))).toBeUndefined();
  expect(callerErrorCode('text')).toBeUndefined();
});

test('a caller’s fault keeps its cause, and says what ran', () => {
  const cause = coded('UND_ERR_RES_EXCEEDED_MAX_SIZE');
  expect(wrapCallerError('BODY_TOO_LARGE', '/shop/orders', cause)).toMatchObject({
    code: 'BODY_TOO_LARGE',
    execution: 'done',
    cause,
  });
  expect(wrapCallerError('CONFIG_INVALID', '/shop/orders', coded('UND_ERR_INVALID_ARG'))).toMatchObject({
    code: 'CONFIG_INVALID',
    execution: 'none',
    message: 'The request to /shop/orders cannot be sent as it is: UND_ERR_INVALID_ARG happened',
  });
  const own = new ClerkError('CLERK_CLOSED', 'x');
  expect(wrapCallerError('CONFIG_INVALID', '/shop/orders', own)).toBe(own);
});

test('the stage alone says what a broken attempt shows', () => {
  expect(evidenceOf('waiting')).toBe('refused');
  expect(evidenceOf('sent')).toBe('reset');
  expect(evidenceOf('answered')).toBe('reset');
});

test('5xx but 501 counts against an endpoint', () => {
  expect([199, 200, 404, 429, 499, 501].some(isFailureStatus)).toBe(false);
  expect([500, 502, 503, 504, 511, 599].every(isFailureStatus)).toBe(true);
});

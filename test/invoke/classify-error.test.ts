import { expect, test } from 'vitest';
import { ClerkError } from '../../src/core/errors.js';
import {
  callerErrorCode,
  codeOf,
  evidenceOf,
  isFailureStatus,
  wrapCallerError,
} from '../../src/invoke/classify-error.js';

const coded = (code: string): Error => Object.assign(new Error(`${code} happened`), { code });

test('the code of a thrown value is its code, else its name', () => {
  expect(codeOf(coded('ECONNRESET'))).toBe('ECONNRESET');
  expect(codeOf(new TypeError('x'))).toBe('TypeError');
  expect(codeOf(new ClerkError('LIMIT_EXCEEDED', 'x'))).toBe('LIMIT_EXCEEDED');
  expect(codeOf(new AggregateError([coded('ECONNREFUSED'), coded('EHOSTUNREACH')]))).toBe('ECONNREFUSED');
  expect(codeOf(Object.assign(new AggregateError([coded('ECONNREFUSED')]), { code: 'EALL' }))).toBe('EALL');
  expect(codeOf(new AggregateError([]))).toBe('AggregateError');
  expect(codeOf(Object.assign(new Error('x'), { code: 7 }))).toBe('Error');
  for (const thrown of [undefined, null, 'text', 7]) expect(codeOf(thrown)).toBe(typeof thrown);
});

test('request errors are classified as caller errors, network errors are not', () => {
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

test('a wrapped caller error keeps its cause and the execution', () => {
  const cause = coded('UND_ERR_RES_EXCEEDED_MAX_SIZE');
  expect(wrapCallerError('BODY_TOO_LARGE', '/shop/orders', cause)).toMatchObject({
    code: 'BODY_TOO_LARGE',
    execution: 'done',
    cause,
  });
  expect(wrapCallerError('CONFIG_INVALID', '/shop/orders', coded('UND_ERR_INVALID_ARG'))).toMatchObject({
    code: 'CONFIG_INVALID',
    execution: 'none',
    message: 'Request to /shop/orders is invalid: UND_ERR_INVALID_ARG happened',
  });
  const own = new ClerkError('CLERK_CLOSED', 'x');
  expect(wrapCallerError('CONFIG_INVALID', '/shop/orders', own)).toBe(own);
});

test('the evidence of a failed attempt depends on its stage alone', () => {
  expect(evidenceOf('waiting')).toBe('refused');
  expect(evidenceOf('sent')).toBe('reset');
  expect(evidenceOf('answered')).toBe('reset');
});

test('every 5xx except 501 counts as a failure', () => {
  expect([199, 200, 404, 429, 499, 501].some(isFailureStatus)).toBe(false);
  expect([500, 502, 503, 504, 511, 599].every(isFailureStatus)).toBe(true);
});

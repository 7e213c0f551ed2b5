import { expect, test } from 'vitest';
import { errors } from 'undici';
import { ClerkError } from '../../src/core/errors.js';
import type { Stage } from '../../src/core/outcome.js';
import { callerErrorCode, classifyError, wrapCallerError } from '../../src/invoke/classify-error.js';
import { codeOf } from '../../src/invoke/error-code.js';

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

const at = (stage: Stage, statusCode = 0) => ({ stage, statusCode, accepted: true });
const named = (name: string, message: string): Error => Object.assign(new Error(message), { name });
const socketError = (message: string): Error => new errors.SocketError(message);
const http2Error = (kind: string, reason: string): Error =>
  Object.assign(new Error(`Stream closed with error code ${reason}`), { code: `ERR_HTTP2_${kind}_ERROR` });
const parserError = (reason: string): Error =>
  named('HTTPParserError', `Response does not match the HTTP/1.1 protocol (${reason})`);

test.each([
  ['a head that the parser refuses', parserError('Invalid header field char'), at('sent')],
  ['a chunk size without digits', parserError('Invalid character in chunk size'), at('answered', 200)],
  ['a head over the limit', new errors.HeadersOverflowError(), at('sent')],
  ['100 Continue without an Expect header', socketError('bad response'), at('sent')],
  ['101 without an Upgrade header', socketError('bad upgrade'), at('sent')],
  ['two lengths', new errors.ResponseContentLengthMismatchError(), at('sent')],
  ['304 with a length', new errors.ResponseContentLengthMismatchError(), at('answered', 304)],
  ['204 with a length', new errors.ResponseContentLengthMismatchError(), at('answered', 204)],
  ['an assertion of the parser', coded('ERR_ASSERTION'), at('sent')],
  ['an HTTP/2 header that is not allowed', http2Error('STREAM', 'NGHTTP2_PROTOCOL_ERROR'), at('sent')],
  ['an HTTP/2 session of broken frames', http2Error('SESSION', 'NGHTTP2_FRAME_SIZE_ERROR'), at('sent')],
])('%s is an invalid response: the call ends, the endpoint lives', (_case, error, attempt) => {
  expect(classifyError(error, attempt)).toEqual({ endsCall: 'RESPONSE_INVALID', evidence: 'responded' });
});

test.each([
  ['a reset', coded('ECONNRESET'), at('sent'), 'reset'],
  ['a closed socket', socketError('other side closed'), at('sent'), 'reset'],
  [
    'a body cut short on a closing connection',
    parserError('Invalid EOF state'),
    at('answered', 200),
    'reset',
  ],
  [
    'a shorter body than stated',
    new errors.ResponseContentLengthMismatchError(),
    at('answered', 200),
    'reset',
  ],
  [
    'a GOAWAY with an error code',
    socketError('HTTP/2: "GOAWAY" frame received with code 2'),
    at('sent'),
    'reset',
  ],
  ['a refused connection', coded('ECONNREFUSED'), at('waiting'), 'refused'],
  ['connectTimeout of undici', new errors.ConnectTimeoutError(), at('waiting'), 'connect-timeout'],
  ['a garbled TLS handshake', coded('ERR_SSL_WRONG_VERSION_NUMBER'), at('waiting'), 'refused'],
  ['a reset HTTP/2 stream', http2Error('STREAM', 'NGHTTP2_INTERNAL_ERROR'), at('sent'), 'status'],
  [
    'an HTTP/2 stream that ends without a response',
    new errors.InformationalError('HTTP/2: stream half-closed (remote)'),
    at('sent'),
    'status',
  ],
])('%s is evidence against the endpoint', (_case, error, attempt, evidence) => {
  expect(classifyError(error, attempt)).toEqual({ evidence });
});

test.each([
  ['headersTimeout of undici', new errors.HeadersTimeoutError(), at('sent'), 'DEADLINE_EXCEEDED'],
  ['bodyTimeout of undici', new errors.BodyTimeoutError(), at('answered', 200), 'DEADLINE_EXCEEDED'],
  [
    'maxResponseSize of undici',
    new errors.ResponseExceededMaxSizeError(),
    at('answered', 200),
    'BODY_TOO_LARGE',
  ],
  ['an abort without a reason', new errors.RequestAbortedError(), at('sent'), 'ABORTED'],
  ['an invalid request', new errors.InvalidArgumentError('x'), at('waiting'), 'CONFIG_INVALID'],
])('%s ends the call and is not evidence against the endpoint', (_case, error, attempt, code) => {
  expect(classifyError(error, attempt)).toEqual({ endsCall: code });
});

test('an error without a code during dispatch is an invalid request', () => {
  expect(classifyError(new Error('x'), { ...at('waiting'), accepted: false })).toEqual({
    endsCall: 'CONFIG_INVALID',
  });
  expect(classifyError(new Error('x'), at('waiting'))).toEqual({ evidence: 'refused' });
});

test.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EAI_AGAIN'])(
  'connecting that fails with %s, a limit of this host, is not evidence against the endpoint',
  (code) => {
    expect(classifyError(coded(code), at('waiting'))).toEqual({});
  },
);

test('a GOAWAY without an error is not evidence against the endpoint', () => {
  expect(classifyError(socketError('HTTP/2: "GOAWAY" frame received with code 0'), at('sent'))).toEqual({
    isGoAway: true,
  });
});

test('a peer that does not prove its key refuses the connection, and does not end the call', () => {
  const attempt = { stage: 'waiting', statusCode: 0, accepted: true } as const;
  expect(classifyError(new ClerkError('ENDPOINT_UNPROVEN', 'x'), attempt)).toEqual({ evidence: 'refused' });
  expect(classifyError(new ClerkError('IDENTITY_INVALID', 'x'), attempt)).toEqual({
    endsCall: 'IDENTITY_INVALID',
  });
});

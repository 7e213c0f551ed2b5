import type { StoreResponse } from '../../../core/store-http.js';
import { ClerkError, type ClerkErrorCode } from '../../../core/errors.js';
import { isObject } from '../../../core/is-object.js';

/**
 * What an error of etcd means for the request.
 *
 * - `retry`: a retry, at this or another member, may succeed
 * - `token`: the token has expired, and the request had no effect
 * - `compacted`: etcd has deleted the requested revision
 * - `lease`: the lease has expired
 * - `final`: a retry would fail in the same way
 */
export type EtcdErrorKind = 'retry' | 'token' | 'compacted' | 'lease' | 'final';

/** An error response of etcd. */
export class EtcdError extends ClerkError {
  readonly kind: EtcdErrorKind;

  constructor(kind: EtcdErrorKind, code: ClerkErrorCode, message: string) {
    super(code, message, { execution: kind === 'retry' ? 'unknown' : 'none' });
    this.kind = kind;
  }
}

/**
 * gRPC codes in the body of a response. The HTTP status is not sufficient, because older gateways use one status for
 * several codes.
 */
const codes = {
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  outOfRange: 11,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
};

/**
 * Classifies a response with a status of 400 or higher. Reads the fields `code` and `message` of the body, because
 * etcd 3.6 omits the field `error`.
 *
 * @param subject - the store, for messages, such as `The store etcd://a:2379/clerk`
 */
export function toEtcdError(response: StoreResponse, subject: string, prefix: string): EtcdError {
  const { code, message } = bodyOf(response);
  const text = message === '' ? `HTTP status ${String(response.status)}` : message;
  const unreachable = (kind: EtcdErrorKind, problem: string): EtcdError =>
    new EtcdError(kind, 'REGISTRY_UNREACHABLE', `${subject} ${problem}: ${text}`);
  const refused = (problem: string, advice: string): EtcdError =>
    new EtcdError('final', 'FORBIDDEN', `${subject} ${problem}: ${text}; ${advice}`);
  if (/invalid auth token|revision of auth store is old/.test(message) || code === codes.unauthenticated)
    return unreachable('token', 'rejects the token that it has issued');
  if (/user name is empty|user name not found/.test(message))
    return refused(
      'needs a user and a password',
      'use etcd://user:password@host:2379/prefix, in $CLERK_STORE or a file of mode 0600',
    );
  if (/authentication failed|invalid user ID or password/.test(message))
    return refused('rejects the user or the password', 'check both in the store URL');
  if (code === codes.permissionDenied || /permission denied/.test(message))
    return refused(
      `denies the user access to keys below ${prefix}`,
      `run etcdctl role grant-permission ROLE readwrite --prefix=true ${prefix}, and give the user the role`,
    );
  if (/request is too large|trying to send message larger/.test(message))
    return new EtcdError(
      'final',
      'LIMIT_EXCEEDED',
      `${subject} rejects a request as too large: ${text}; set --max-request-bytes of etcd to at least 1572864, which is its default`,
    );
  if (/database space exceeded/.test(message))
    return unreachable(
      'final',
      'has no space left, so run etcdctl compact, etcdctl defrag and etcdctl alarm disarm, and set --auto-compaction-retention',
    );
  if (code === codes.outOfRange || /has been compacted|future revision/.test(message))
    return unreachable('compacted', 'has compacted a revision that this server needs');
  if (/lease not found/.test(message)) return unreachable('lease', 'has ended the lease of this server');
  if (response.status === 404 || code === codes.unimplemented)
    return new EtcdError(
      'final',
      'CONFIG_INVALID',
      `${subject} has no JSON gateway; check host and port, that it is etcd 3.3 or later, and that it runs with --enable-grpc-gateway`,
    );
  const isTransient =
    response.status >= 500 ||
    response.status === 429 ||
    code === codes.unavailable ||
    code === codes.deadlineExceeded ||
    code === codes.resourceExhausted;
  if (isTransient) return unreachable('retry', 'is temporarily unavailable');
  return new EtcdError(
    'final',
    'REGISTRY_INVALID',
    `${subject} rejects a request: ${text}; check the version and the configuration of etcd`,
  );
}

function bodyOf({ body }: StoreResponse): { readonly code: number | undefined; readonly message: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return { code: undefined, message: body.slice(0, 200).trim() };
  }
  if (!isObject(parsed)) return { code: undefined, message: '' };
  // An error within a stream is an object in the field `error`, and its code is `grpc_code`.
  const { code, grpc_code: grpcCode, message } = isObject(parsed['error']) ? parsed['error'] : parsed;
  const number = code ?? grpcCode;
  return {
    code: typeof number === 'number' ? number : undefined,
    message: typeof message === 'string' ? message : '',
  };
}

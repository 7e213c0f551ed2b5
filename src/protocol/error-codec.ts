import { ClerkError, type ClerkErrorCode } from '../core/errors.js';
import type { ErrorEnvelope } from './error-envelope.js';

const statuses: Readonly<Partial<Record<ClerkErrorCode, number>>> = Object.freeze({
  CONFIG_INVALID: 400,
  NAME_INVALID: 400,
  IDENTITY_INVALID: 401,
  TICKET_REFUSED: 401,
  FORBIDDEN: 403,
  NAME_NOT_FOUND: 404,
  NO_ENDPOINT: 404,
  CHANGE_TOO_EARLY: 409,
  NAME_MISMATCH: 409,
  BODY_TOO_LARGE: 413,
  LIMIT_EXCEEDED: 429,
  START_FAILED: 502,
  CLERK_CLOSED: 503,
  REGISTRY_UNREACHABLE: 503,
  DEADLINE_EXCEEDED: 504,
});

export function httpStatusOf(code: ClerkErrorCode): number {
  return statuses[code] ?? 500;
}

export function encodeError(error: ClerkError): ErrorEnvelope {
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(error.remainingMs !== undefined && { remainingMs: error.remainingMs }),
    },
  };
}

/** Longer messages are cut. A message of a launcher contains up to 2,000 characters of a log. */
const maxMessageLength = 4_096;

/**
 * @param body - the parsed body; may be any value, because the server may not be a registry
 * @param requestName - the request, as the subject of the message
 */
export function decodeError(status: number, body: unknown, requestName: string): ClerkError {
  const envelope = (body as Partial<ErrorEnvelope> | null | undefined)?.error as
    Partial<ErrorEnvelope['error']> | undefined;
  if (typeof envelope?.code === 'string' && Object.hasOwn(statuses, envelope.code)) {
    const { remainingMs } = envelope;
    return new ClerkError(
      envelope.code as ClerkErrorCode,
      typeof envelope.message === 'string' && envelope.message !== ''
        ? envelope.message.slice(0, maxMessageLength)
        : `${requestName} was rejected with status ${String(status)} and without a message`,
      typeof remainingMs === 'number' && Number.isFinite(remainingMs) ? { remainingMs } : {},
    );
  }
  return new ClerkError(
    status >= 500 ? 'REGISTRY_UNREACHABLE' : 'REGISTRY_INVALID',
    `${requestName} failed with status ${String(status)} and no error message; check that the address belongs to a registry`,
  );
}

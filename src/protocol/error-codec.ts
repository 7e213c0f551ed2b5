/** Refusals on the wire: one envelope, one status a code, and back into the error that the program sees. */
import { ClerkError, type ClerkErrorCode } from '../core/errors.js';
import type { ErrorEnvelope } from './messages.js';

const statuses: Readonly<Partial<Record<ClerkErrorCode, number>>> = Object.freeze({
  CONFIG_INVALID: 400,
  NAME_INVALID: 400,
  TICKET_REFUSED: 403,
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

/** The status that a code is answered with. Anything that is not the caller's doing is 500. */
export function httpStatusOf(code: ClerkErrorCode): number {
  return statuses[code] ?? 500;
}

/** A refusal as it is sent. Causes stay at home. */
export function encodeError(error: ClerkError): ErrorEnvelope {
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(error.remainingMs !== undefined && { remainingMs: error.remainingMs }),
    },
  };
}

/**
 * The error that an answer means.
 *
 * @param status - of the answer
 * @param body - what was read of it: a {@link ErrorEnvelope}, or anything else from something that is no such server
 * @param requestName - for the message: what was asked, and where
 */
export function decodeError(status: number, body: unknown, requestName: string): ClerkError {
  const envelope = (body as Partial<ErrorEnvelope> | null | undefined)?.error as
    Partial<ErrorEnvelope['error']> | undefined;
  if (typeof envelope?.code === 'string' && Object.hasOwn(statuses, envelope.code)) {
    const { remainingMs } = envelope;
    return new ClerkError(
      envelope.code as ClerkErrorCode,
      typeof envelope.message === 'string' && envelope.message !== ''
        ? envelope.message
        : `${requestName} was refused`,
      typeof remainingMs === 'number' && Number.isFinite(remainingMs) ? { remainingMs } : {},
    );
  }
  return new ClerkError(
    status >= 500 ? 'REGISTRY_UNREACHABLE' : 'REGISTRY_INVALID',
    `${requestName} was answered with status ${String(status)} and no reason; is that the address of a registry?`,
  );
}

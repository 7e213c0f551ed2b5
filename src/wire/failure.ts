/** Refusals on the wire: one envelope, one status a code, and back into the error that the program sees. */
import { ClerkError, type ClerkErrorCode } from '../core/errors.js';
import type { FailureReply } from './messages.js';

const statuses: Readonly<Partial<Record<ClerkErrorCode, number>>> = Object.freeze({
  CONFIG_INVALID: 400,
  NAME_INVALID: 400,
  TICKET_REFUSED: 403,
  FORBIDDEN: 403,
  NAME_NOT_FOUND: 404,
  NO_ENDPOINT: 404,
  PROMISE_HELD: 409,
  NAME_MISMATCH: 409,
  BODY_TOO_LARGE: 413,
  LIMIT: 429,
  START_FAILED: 502,
  CLOSED: 503,
  REGISTRY_UNREACHABLE: 503,
  DEADLINE_EXCEEDED: 504,
});

/** The status that a code is answered with. Anything that is not the caller's doing is 500. */
export function statusOf(code: ClerkErrorCode): number {
  return statuses[code] ?? 500;
}

/** A refusal as it is sent. Causes stay at home. */
export function failureOf(error: ClerkError): FailureReply {
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
 * @param body - what was read of it: a {@link FailureReply}, or anything else from something that is no such server
 * @param where - for the message: what was asked, and where
 */
export function errorOf(status: number, body: unknown, where: string): ClerkError {
  const told = (body as Partial<FailureReply> | null | undefined)?.error as
    Partial<FailureReply['error']> | undefined;
  if (typeof told?.code === 'string' && Object.hasOwn(statuses, told.code)) {
    const { remainingMs } = told;
    return new ClerkError(
      told.code as ClerkErrorCode,
      typeof told.message === 'string' && told.message !== '' ? told.message : `${where} was refused`,
      typeof remainingMs === 'number' && Number.isFinite(remainingMs) ? { remainingMs } : {},
    );
  }
  return new ClerkError(
    status >= 500 ? 'REGISTRY_UNREACHABLE' : 'REGISTRY_INVALID',
    `${where} was answered with status ${String(status)} and no reason; is that the address of a registry?`,
  );
}

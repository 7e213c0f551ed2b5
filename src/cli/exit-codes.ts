import type { ClerkErrorCode } from '../core/errors.js';

export const exitCodes = Object.freeze({
  done: 0,
  failed: 1,
  /** The command line is invalid, or contains an invalid name or address. */
  usage: 2,
  /** The name does not exist, or the service has no endpoint. */
  notFound: 3,
  unreachable: 4,
  /**
   * The registry refused the operation, because it is too early, not permitted, or over a limit. Or a key cannot be
   * used, for example because the identity file is missing.
   */
  refused: 5,
});

const codes: Readonly<Record<ClerkErrorCode, number>> = {
  CONFIG_INVALID: exitCodes.usage,
  NAME_INVALID: exitCodes.usage,
  NAME_NOT_FOUND: exitCodes.notFound,
  NO_ENDPOINT: exitCodes.notFound,
  VERSION_MISMATCH: exitCodes.notFound,
  REGISTRY_UNREACHABLE: exitCodes.unreachable,
  REGISTRY_INVALID: exitCodes.unreachable,
  // A registry responds with this code while it shuts down.
  CLERK_CLOSED: exitCodes.unreachable,
  TICKET_REFUSED: exitCodes.refused,
  IDENTITY_INVALID: exitCodes.refused,
  ENDPOINT_UNPROVEN: exitCodes.refused,
  FORBIDDEN: exitCodes.refused,
  CHANGE_TOO_EARLY: exitCodes.refused,
  NAME_MISMATCH: exitCodes.refused,
  LIMIT_EXCEEDED: exitCodes.refused,
  BODY_TOO_LARGE: exitCodes.refused,
  ENDPOINTS_EXHAUSTED: exitCodes.failed,
  DEADLINE_EXCEEDED: exitCodes.failed,
  ABORTED: exitCodes.failed,
  OUTCOME_UNKNOWN: exitCodes.failed,
  BUDGET_EXHAUSTED: exitCodes.failed,
  BODY_INVALID: exitCodes.failed,
  RESPONSE_INVALID: exitCodes.failed,
  BAD_STATUS: exitCodes.failed,
  FACTORY_FAILED: exitCodes.failed,
  START_FAILED: exitCodes.failed,
};

export function exitCodeOf(code: ClerkErrorCode): number {
  return codes[code];
}

export class ExitCode extends Error {
  constructor(readonly code: number) {
    super(`exit code ${code}`);
  }
}

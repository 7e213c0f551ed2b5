/** How the command line ends: a few numbers that scripts can rely on. */
import type { ClerkErrorCode } from '../core/errors.js';

/** Every exit code there is. */
export const exitCodes = Object.freeze({
  /** It was done. */
  done: 0,
  /** It was tried and failed. */
  failed: 1,
  /** The command cannot be understood, or a name or address in it breaks the rules. */
  usage: 2,
  /** There is no such name, or nobody runs the service. */
  notFound: 3,
  /** No registry answers there. */
  unreachable: 4,
  /** The registry refused it: a promise is held, a right is missing, a limit is reached. */
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
  // The registry is going down.
  CLERK_CLOSED: exitCodes.unreachable,
  TICKET_REFUSED: exitCodes.refused,
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
  BAD_STATUS: exitCodes.failed,
  FACTORY_FAILED: exitCodes.failed,
  START_FAILED: exitCodes.failed,
};

/** The exit code of an error. */
export function exitCodeOf(code: ClerkErrorCode): number {
  return codes[code];
}

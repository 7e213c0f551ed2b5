import type { Outcome } from './outcome.js';

/**
 * Every code a {@link ClerkError} can carry. The list is closed.
 *
 * - `CONFIG_INVALID` an option, address, header or policy is invalid
 * - `NAME_INVALID` a name, glob or `.clerk` host breaks the naming rules
 * - `NAME_NOT_FOUND` the registry has no such name
 * - `NO_ENDPOINT` the service exists and has no endpoint
 * - `VERSION_MISMATCH` no endpoint has a version in the requested range
 * - `REGISTRY_UNREACHABLE` the registry did not respond, and no cached result exists
 * - `REGISTRY_INVALID` the registry sent an invalid response
 * - `ENDPOINTS_EXHAUSTED` every endpoint that could be tried failed
 * - `DEADLINE_EXCEEDED` the deadline of the call passed
 * - `ABORTED` the program aborted the call; the error's `name` is `AbortError`, its `cause` the reason of the signal
 * - `OUTCOME_UNKNOWN` the request was sent, no response was received, and the call must not be retried
 * - `BUDGET_EXHAUSTED` the retry budget did not allow a retry or a start
 * - `BODY_TOO_LARGE` a body exceeds its limit
 * - `BAD_STATUS` the response has a status ≥ 400 (`json`, `text` and `bytes` only)
 * - `FACTORY_FAILED` the program's own factory failed
 * - `START_FAILED` a launcher could not start the service
 * - `TICKET_REFUSED`, `FORBIDDEN` the caller was not authorized
 * - `CHANGE_TOO_EARLY` the registry guarantees the present state for a while longer
 * - `NAME_MISMATCH` a launched service advertises a name other than its own
 * - `LIMIT_EXCEEDED` a limit was reached, such as that of waiting calls
 * - `CLERK_CLOSED` the clerk is closed
 *
 * @see [C3.2](../../docs/guarantees.md#c3-2)
 */
export type ClerkErrorCode =
  | 'CONFIG_INVALID'
  | 'NAME_INVALID'
  | 'NAME_NOT_FOUND'
  | 'NO_ENDPOINT'
  | 'VERSION_MISMATCH'
  | 'REGISTRY_UNREACHABLE'
  | 'REGISTRY_INVALID'
  | 'ENDPOINTS_EXHAUSTED'
  | 'DEADLINE_EXCEEDED'
  | 'ABORTED'
  | 'OUTCOME_UNKNOWN'
  | 'BUDGET_EXHAUSTED'
  | 'BODY_TOO_LARGE'
  | 'BAD_STATUS'
  | 'FACTORY_FAILED'
  | 'START_FAILED'
  | 'TICKET_REFUSED'
  | 'FORBIDDEN'
  | 'CHANGE_TOO_EARLY'
  | 'NAME_MISMATCH'
  | 'LIMIT_EXCEEDED'
  | 'CLERK_CLOSED';

/**
 * Whether a call ran. `none`: certainly not. `done`: it ran once and a response was received. `unknown`: it ran once or not
 * at all. Over several attempts the most cautious value wins.
 *
 * @see [C3.2](../../docs/guarantees.md#c3-2)
 */
export type Execution = 'none' | 'unknown' | 'done';

/** The fields of a {@link ClerkError} besides code and message. */
export interface ClerkErrorDetails {
  /** Whether the call may have run. Default `none`. */
  readonly execution?: Execution;
  /** One record per attempt, in order. Default empty. */
  readonly outcomes?: readonly Outcome[];
  /** The underlying error. */
  readonly cause?: unknown;
  /** Status of the response, with code `BAD_STATUS`. */
  readonly statusCode?: number;
  /** The beginning of the response body, with code `BAD_STATUS`; at most 4,096 characters. */
  readonly bodyText?: string;
  /** When a retry can succeed, in ms from now, with codes `CHANGE_TOO_EARLY` and `LIMIT_EXCEEDED`. */
  readonly remainingMs?: number;
}

const brand = Symbol.for('binding-clerk.error');

/**
 * The only error class of this library. Match on {@link ClerkError.code}, never on the message. Read
 * {@link ClerkError.execution} to find out whether the call may have run.
 *
 * @example
 * ```ts
 * if (isClerkError(error) && error.code === 'ENDPOINTS_EXHAUSTED') console.error(error.outcomes);
 * ```
 */
export class ClerkError extends Error {
  /** `AbortError` with code `ABORTED`, as `fetch` names it; else `ClerkError`. */
  override readonly name: string;
  /** What went wrong. */
  readonly code: ClerkErrorCode;
  /** Whether the call may have run. */
  readonly execution: Execution;
  /** One record per attempt, in order; empty when there was none. */
  readonly outcomes: readonly Outcome[];
  /** Status of the response, with code `BAD_STATUS`. */
  readonly statusCode: number | undefined;
  /** The beginning of the response body, with code `BAD_STATUS`. */
  readonly bodyText: string | undefined;
  /** When a retry can succeed, in ms from now, with codes `CHANGE_TOO_EARLY` and `LIMIT_EXCEEDED` of a registry. */
  readonly remainingMs: number | undefined;

  /**
   * @param message - sentence case, no full stop, with names and numbers, and with what to do about it
   */
  constructor(code: ClerkErrorCode, message: string, details: ClerkErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = code === 'ABORTED' ? 'AbortError' : 'ClerkError';
    this.code = code;
    this.execution = details.execution ?? 'none';
    this.outcomes = details.outcomes ?? [];
    this.statusCode = details.statusCode;
    this.bodyText = details.bodyText;
    this.remainingMs = details.remainingMs;
    Object.defineProperty(this, brand, { value: true });
  }
}

/** Whether a value is a {@link ClerkError}, also of another loaded copy of this library. */
export function isClerkError(value: unknown): value is ClerkError {
  return value instanceof Error && (value as { [brand]?: unknown })[brand] === true;
}

/** The message of any thrown value, to be quoted in another message. Never empty; never throws. */
export function errorMessage(error: unknown): string {
  if (!(error instanceof Error)) return stringify(error);
  if (error.message !== '') return error.message;
  if (error instanceof AggregateError && error.errors.length > 0)
    return error.errors.map(errorMessage).join('; ');
  return error.name;
}

function stringify(thrown: unknown): string {
  try {
    return String(thrown) || 'an empty string';
  } catch {
    return 'an object that cannot be converted to a string';
  }
}

/**
 * The one error class of this library. Programs match on {@link ClerkError.code}, never on the message,
 * and read {@link ClerkError.execution} to learn whether the call may have run.
 */
import type { Outcome } from './outcome.js';

/**
 * Every code a {@link ClerkError} can carry. The list is closed: a new failure gets a new code here or none.
 *
 * - `CONFIG_INVALID` an option, address, header or policy cannot work as given
 * - `NAME_INVALID` a name, glob or `.clerk` host breaks the rules of names
 * - `NAME_NOT_FOUND` the registry knows no such name
 * - `NO_ENDPOINT` the service exists and nobody runs it
 * - `VERSION_MISMATCH` it runs, in no version that was asked for
 * - `REGISTRY_UNREACHABLE` the registry did not answer and nothing was remembered
 * - `REGISTRY_INVALID` the registry's answer makes no sense
 * - `ENDPOINTS_EXHAUSTED` every endpoint that could be tried failed
 * - `DEADLINE_EXCEEDED` the call's time ran out
 * - `ABORTED` the program aborted the call
 * - `OUTCOME_UNKNOWN` the request was sent, the answer was lost, and the call may not be repeated
 * - `BUDGET_EXHAUSTED` a repeat, or a start, was allowed by its kind and refused by the retry budget
 * - `BODY_TOO_LARGE` a body is over its limit
 * - `BAD_STATUS` the answer's status is 400 or above (`json`, `text` and `bytes` only)
 * - `FACTORY_FAILED` the program's own factory failed
 * - `START_FAILED` a launcher could not start the service
 * - `TICKET_REFUSED`, `FORBIDDEN` the caller was not let in
 * - `CHANGE_TOO_EARLY` the registry promised not to change this yet
 * - `NAME_MISMATCH` a launched service advertises a name that is not its own
 * - `LIMIT_EXCEEDED` a bound on waiting calls was reached
 * - `CLERK_CLOSED` the clerk is closed
 *
 * @see promises C3.2
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
 * Did the call run? `none`: certainly not. `done`: it ran once and answered. `unknown`: it ran once or not at all.
 * Over several attempts the most cautious word wins.
 *
 * @see promises C3.2
 */
export type Execution = 'none' | 'unknown' | 'done';

/** What a {@link ClerkError} is made of beside its code and message. */
export interface ClerkErrorDetails {
  /** Whether the call may have run. Default `none`. */
  readonly execution?: Execution;
  /** One record an attempt, in order. Default empty. */
  readonly outcomes?: readonly Outcome[];
  /** The error behind this one, kept as it was. */
  readonly cause?: unknown;
  /** The answer's status, with code `BAD_STATUS`. */
  readonly statusCode?: number;
  /** The beginning of the answer's body, with code `BAD_STATUS`; at most 4,096 characters. */
  readonly bodyText?: string;
  /** When it is worth trying again, in ms, with codes `CHANGE_TOO_EARLY` and `LIMIT_EXCEEDED`. */
  readonly remainingMs?: number;
}

const brand = Symbol.for('binding-clerk.error');

/**
 * The error that every call, look-up and option check of this library rejects or throws with.
 *
 * @example
 * ```ts
 * if (isClerkError(error) && error.code === 'ENDPOINTS_EXHAUSTED') console.error(error.outcomes);
 * ```
 */
export class ClerkError extends Error {
  /** Always `ClerkError`. */
  override readonly name: string = 'ClerkError';
  /** What went wrong, as a stable word. */
  readonly code: ClerkErrorCode;
  /** Whether the call may have run. */
  readonly execution: Execution;
  /** One record an attempt, in order; empty when nothing was attempted. */
  readonly outcomes: readonly Outcome[];
  /** The answer's status, with code `BAD_STATUS`. */
  readonly statusCode: number | undefined;
  /** The beginning of the answer's body, with code `BAD_STATUS`. */
  readonly bodyText: string | undefined;
  /** When it is worth trying again, in ms, with codes `CHANGE_TOO_EARLY` and `LIMIT_EXCEEDED` of a registry. */
  readonly remainingMs: number | undefined;

  /**
   * @param code - what went wrong
   * @param message - sentence case, no full stop, with names and numbers, and what to do where something can be done
   * @param details - the facts
   */
  constructor(code: ClerkErrorCode, message: string, details: ClerkErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.execution = details.execution ?? 'none';
    this.outcomes = details.outcomes ?? [];
    this.statusCode = details.statusCode;
    this.bodyText = details.bodyText;
    this.remainingMs = details.remainingMs;
    Object.defineProperty(this, brand, { value: true });
  }
}

/**
 * Tells whether a value is a {@link ClerkError}, also one of another loaded copy of this library.
 *
 * @param value - anything
 */
export function isClerkError(value: unknown): value is ClerkError {
  return value instanceof Error && (value as { [brand]?: unknown })[brand] === true;
}

/** The message of anything thrown, for sentences that quote it; never empty, and never throws. */
export function errorMessage(error: unknown): string {
  if (!(error instanceof Error)) return stringify(error);
  if (error.message !== '') return error.message;
  if (error instanceof AggregateError && error.errors.length > 0)
    return error.errors.map(errorMessage).join('; ');
  return error.name;
}

function stringify(thrown: unknown): string {
  try {
    return String(thrown) || 'an empty text';
  } catch {
    return 'an object without a text';
  }
}

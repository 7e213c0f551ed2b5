import { escapeText } from './escape-text.js';
import type { Outcome } from './outcome.js';

/**
 * The codes of {@link ClerkError}s.
 *
 * - `CONFIG_INVALID` an option, address, header or policy is invalid
 * - `NAME_INVALID` a name, glob or `.clerk` host breaks the naming rules
 * - `NAME_NOT_FOUND` the registry has no such name
 * - `NO_ENDPOINT` the service exists but has no endpoint
 * - `VERSION_MISMATCH` no endpoint has a version in the requested range
 * - `REGISTRY_UNREACHABLE` the registry did not respond, and there is no cached result
 * - `REGISTRY_INVALID` the registry sent an invalid response
 * - `ENDPOINTS_EXHAUSTED` the call failed at every endpoint that could be tried
 * - `DEADLINE_EXCEEDED` the deadline of the call passed
 * - `ABORTED` the program aborted the call; the error has the name `AbortError`, and the reason of the signal as cause
 * - `OUTCOME_UNKNOWN` the request was sent, no response was received, and a retry is not allowed
 * - `BUDGET_EXHAUSTED` the retry budget of the service is used up, or the call serves a request that is itself a retry
 * - `BODY_TOO_LARGE` a request or response body exceeds the size limit
 * - `BODY_INVALID` `json` received a body that is neither empty nor valid JSON
 * - `RESPONSE_INVALID` the endpoint sent a response that breaks the rules of HTTP; not retried
 * - `BAD_STATUS` `json`, `text` or `bytes` received a status ≥ 400
 * - `FACTORY_FAILED` the factory of the program failed
 * - `START_FAILED` a launcher could not start the service
 * - `TICKET_REFUSED`, `FORBIDDEN` the caller is not authorized. If a service refused the ticket of a call of `json`,
 *   `text` or `bytes`, the service did not run the call
 * - `IDENTITY_INVALID` the identity of the program is missing, unusable or not enrolled
 * - `ENDPOINT_UNPROVEN` the peer did not prove that it has the registered key; no byte of the request was sent
 * - `CHANGE_TOO_EARLY` the registry still guarantees the present state of the entry; retry after `remainingMs`
 * - `NAME_MISMATCH` a service that was launched for one name advertises another name
 * - `LIMIT_EXCEEDED` a limit was reached, such as the maximum number of waiting calls
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
  | 'BODY_INVALID'
  | 'RESPONSE_INVALID'
  | 'BAD_STATUS'
  | 'FACTORY_FAILED'
  | 'START_FAILED'
  | 'TICKET_REFUSED'
  | 'IDENTITY_INVALID'
  | 'ENDPOINT_UNPROVEN'
  | 'FORBIDDEN'
  | 'CHANGE_TOO_EARLY'
  | 'NAME_MISMATCH'
  | 'LIMIT_EXCEEDED'
  | 'CLERK_CLOSED';

/**
 * Whether a call ran. `none`: no attempt of the call ran. `done`: the call ran, and its response was received.
 * `unknown`: at least one attempt may have run, and the call ended without a usable response. @see
 * [C3.2](../../docs/guarantees.md#c3-2)
 */
export type Execution = 'none' | 'unknown' | 'done';

/** Optional fields of a {@link ClerkError}. */
export interface ClerkErrorDetails {
  /** Whether the call ran. Default `none`. */
  readonly execution?: Execution;
  /** One record per attempt, in order. Default empty. */
  readonly outcomes?: readonly Outcome[];
  /** The error that caused this error. */
  readonly cause?: unknown;
  /** HTTP status of the response. Only with the codes `BAD_STATUS` and `BODY_INVALID`. */
  readonly statusCode?: number;
  /** The beginning of the response body, at most 4,096 characters. Only with code `BAD_STATUS`. */
  readonly bodyText?: string;
  /**
   * Time until a retry can succeed, in ms. Only with `CHANGE_TOO_EARLY`, `FORBIDDEN`, `LIMIT_EXCEEDED` and
   * `START_FAILED`, and with `REGISTRY_UNREACHABLE` when the store of the registry cannot be written.
   */
  readonly remainingMs?: number;
  /** Id of a call that may have run. A service that uses `atMostOnce` has recorded the call under this id. */
  readonly callId?: string | undefined;
}

const brand = Symbol.for('binding-clerk.error');

/**
 * The only error class of this library. Match on {@link ClerkError.code}, never on the message.
 *
 * @example
 * ```ts
 * if (isClerkError(error) && error.code === 'ENDPOINTS_EXHAUSTED') console.error(error.outcomes);
 * ```
 */
export class ClerkError extends Error {
  /** `AbortError` with code `ABORTED`, as with `fetch`; otherwise `ClerkError`. */
  override readonly name: string;
  /** What went wrong. */
  readonly code: ClerkErrorCode;
  /** Whether the call ran. */
  readonly execution: Execution;
  /** One record per attempt, in order; empty when there was none. */
  readonly outcomes: readonly Outcome[];
  /** HTTP status of the response with the codes `BAD_STATUS` and `BODY_INVALID`; otherwise undefined. */
  readonly statusCode: number | undefined;
  /** The beginning of the response body with code `BAD_STATUS`, at most 4,096 characters; otherwise undefined. */
  readonly bodyText: string | undefined;
  /** Time until a retry can succeed, in ms; undefined when unknown. */
  readonly remainingMs: number | undefined;
  /**
   * Id of a call that may have run. The service has recorded the call under this id. Undefined if the service records
   * no calls.
   */
  declare readonly callId: string | undefined;

  /**
   * @param message - a sentence without a full stop: what was wrong, with names and numbers, and what the program can
   *   do. Control and format characters are escaped, because a part of the message may come from another program.
   */
  constructor(code: ClerkErrorCode, message: string, details: ClerkErrorDetails = {}) {
    super(escapeText(message), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = code === 'ABORTED' ? 'AbortError' : 'ClerkError';
    this.code = code;
    this.execution = details.execution ?? 'none';
    this.outcomes = details.outcomes ?? [];
    this.statusCode = details.statusCode;
    this.bodyText = details.bodyText;
    this.remainingMs = details.remainingMs;
    if (details.callId !== undefined) this.callId = details.callId;
    Object.defineProperty(this, brand, { value: true });
  }

  /** For `JSON.stringify`: all fields, with the message and the causes, and without stacks. */
  toJSON(): Record<string, unknown> {
    return { ...(describeError(this, maxCauses) as object) };
  }
}

const maxCauses = 8;

/**
 * Returns the fields of an error as an object, because `JSON.stringify` turns an `Error` into `{}`. The errors within
 * these fields become objects too, down to `depth` levels.
 */
function describeError(value: unknown, depth: number): unknown {
  if (!(value instanceof Error)) return value;
  const { name, message, cause } = value;
  const own = Object.entries(value).filter(([, field]) => isClerkError(value) || isFlat(field));
  const fields = Object.assign(Object.fromEntries(own) as Record<string, unknown>, {
    name,
    message,
  });
  if (depth > 0 && cause !== undefined) fields['cause'] = describeError(cause, depth - 1);
  const { outcomes } = fields;
  if (depth > 0 && value instanceof AggregateError)
    fields['errors'] = value.errors.map((each) => describeError(each, depth - 1));
  if (Array.isArray(outcomes))
    fields['outcomes'] = (outcomes as Outcome[]).map((outcome) =>
      outcome.error === undefined ? outcome : { ...outcome, error: describeError(outcome.error, 0) },
    );
  return fields;
}

/**
 * Whether JSON can represent a field of an error that this library did not create. Deeper objects may contain a cycle,
 * such as the certificates that Node adds to a TLS error.
 */
function isFlat(field: unknown): boolean {
  return isPlain(field) || (typeof field === 'object' && Object.values(field as object).every(isPlain));
}

function isPlain(value: unknown): boolean {
  return value === null || !['object', 'function', 'bigint'].includes(typeof value);
}

/** Whether a value is a {@link ClerkError}, even one that another loaded copy of this library created. */
export function isClerkError(value: unknown): value is ClerkError {
  return value instanceof Error && (value as { [brand]?: unknown })[brand] === true;
}

/**
 * Copies a {@link ClerkError} that several callers share, so that a property which one caller adds does not reach the
 * others. Returns any other value unchanged.
 */
export function copyError(error: unknown): unknown {
  if (!isClerkError(error)) return error;
  const details = error.cause === undefined ? {} : { cause: error.cause };
  const copy = Object.assign(new ClerkError(error.code, error.message, details), error);
  if (error.stack !== undefined) copy.stack = error.stack;
  return copy;
}

/** Returns a message for any thrown value; never empty. Control and format characters are escaped. */
export function errorMessage(error: unknown): string {
  if (!(error instanceof Error)) return escapeText(stringify(error));
  if (error.message !== '') return escapeText(error.message);
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

/** The error for an invalid option, address, header or policy of the program. */
export function configError(message: string, cause?: unknown): ClerkError {
  return new ClerkError('CONFIG_INVALID', message, cause === undefined ? {} : { cause });
}

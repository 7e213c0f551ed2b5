/**
 * Refusals, and what they are answered with. Every one is a `FailureReply`; what was not foreseen is answered with 500
 * and nothing of its inside, which goes to the log.
 *
 * @see promises A7, C8.4
 */
import { ClerkError, isClerkError, errorMessage, type ClerkErrorCode } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { encodeError, httpStatusOf } from '../../protocol/error-codec.js';

/** A refusal of the interface itself, with the status that HTTP has for it. */
export class HttpError extends ClerkError {
  /** What it is answered with, where that is not what its code stands for. */
  readonly status: number;
  /** Sent along, such as `allow`. */
  readonly headers: Readonly<Record<string, string>>;

  /**
   * @param code - `NAME_NOT_FOUND` is kept for names: to a clerk it is an answer
   * @param message - with what to do
   */
  constructor(
    code: ClerkErrorCode,
    message: string,
    status = httpStatusOf(code),
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(code, message);
    this.status = status;
    this.headers = headers;
  }
}

/** An answer, ready to be sent. */
export interface ErrorResponse {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What anything thrown is answered with. */
export function toErrorResponse(error: unknown, logger: Logger): ErrorResponse {
  if (isClerkError(error)) {
    const status = error instanceof HttpError ? error.status : httpStatusOf(error.code);
    if (status !== 500) {
      const retryAfterMs = error.remainingMs;
      return {
        status,
        body: JSON.stringify(encodeError(error)),
        headers: {
          ...(error instanceof HttpError ? error.headers : {}),
          ...(status === 429 && {
            'retry-after': String(Math.max(1, Math.ceil((retryAfterMs ?? 1_000) / 1_000))),
          }),
        },
      };
    }
  }
  logger.error(
    `A request failed unforeseen: ${error instanceof Error ? (error.stack ?? errorMessage(error)) : errorMessage(error)}`,
  );
  const internalError = new ClerkError(
    'REGISTRY_UNREACHABLE',
    'The server failed at this request; its log says why',
  );
  return { status: 500, body: JSON.stringify(encodeError(internalError)), headers: {} };
}

import { ClerkError, isClerkError, errorMessage, type ClerkErrorCode } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { encodeError, httpStatusOf } from '../../protocol/error-codec.js';

export class HttpError extends ClerkError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  /** @param code - any code except `NAME_NOT_FOUND`, because a client would conclude that a name does not exist */
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

export interface ErrorResponse {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Returns the response for an error. The details of an unexpected error go only to the log.
 *
 * @see [A7](../../../docs/guarantees.md#a7), [C8.4](../../../docs/guarantees.md#c8-4)
 */
export function toErrorResponse(error: unknown, logger: Logger): ErrorResponse {
  if (isClerkError(error)) {
    // The client has disconnected, so nothing receives this response, and the error is not logged.
    if (error.code === 'ABORTED')
      return { status: 503, body: JSON.stringify(encodeError(error)), headers: {} };
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
    `Unexpected error while handling a request: ${error instanceof Error ? (error.stack ?? errorMessage(error)) : errorMessage(error)}`,
  );
  const internalError = new ClerkError(
    'REGISTRY_UNREACHABLE',
    'The server failed to handle the request; see the log of the server for the cause',
  );
  return { status: 500, body: JSON.stringify(encodeError(internalError)), headers: {} };
}

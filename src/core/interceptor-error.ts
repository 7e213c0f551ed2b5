import { ClerkError, errorMessage, isClerkError, type ClerkErrorDetails } from './errors.js';

/** Fields of the errors of undici's interceptors. */
interface InterceptorFields {
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly body?: unknown;
}

const maxBodyCharacters = 4_096;

/**
 * Returns the error of a call that an interceptor ended. Returns a {@link ClerkError} unchanged. An error with the
 * status of a response, such as that of undici's `interceptors.responseError()`, has the code `BAD_STATUS`.
 */
export function interceptorError(
  subject: string,
  error: unknown,
  details: Pick<ClerkErrorDetails, 'execution' | 'outcomes'> = {},
): ClerkError {
  if (isClerkError(error)) return error;
  const { code, statusCode, body }: InterceptorFields =
    typeof error === 'object' && error !== null ? error : {};
  const message = `${subject}: ${errorMessage(error)}`;
  if (typeof statusCode === 'number' && statusCode >= 400)
    return new ClerkError('BAD_STATUS', `${message} (status ${String(statusCode)})`, {
      ...details,
      cause: error,
      execution: 'done',
      statusCode,
      ...(body !== undefined && { bodyText: toText(body).slice(0, maxBodyCharacters) }),
    });
  const isTooLarge = code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE';
  return new ClerkError(isTooLarge ? 'BODY_TOO_LARGE' : 'ABORTED', message, { ...details, cause: error });
}

function toText(body: unknown): string {
  return typeof body === 'string' ? body : JSON.stringify(body);
}

import { ClerkError, errorMessage, isClerkError } from '../core/errors.js';
import { isTlsMismatch, readableTlsError } from '../core/tls-mismatch.js';

export function lostResponseError(url: string, reason: unknown): ClerkError {
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    `The connection to the registry at ${url} failed before the response arrived (${errorMessage(reason)}). The registry may have made the change; check the entry in the registry before you repeat the request`,
    { execution: 'unknown', cause: reason },
  );
}

export function unreachableError(url: string, error: unknown): ClerkError {
  const { code } = error as { readonly code?: unknown };
  if (isInvalidResponse(error))
    return new ClerkError(
      'REGISTRY_INVALID',
      `The response of ${url} is not valid HTTP: ${errorMessage(error)}; check that this is the URL of a registry server`,
      { cause: error },
    );
  const refused = code === 'ECONNREFUSED' || code === 'ENOENT';
  const cause = error instanceof Error ? readableTlsError(error, url) : error;
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    refused
      ? `No registry listens at ${url}; start one with 'npx clerk serve', or set another registry address`
      : `The registry at ${url} is unreachable: ${tlsProblem(cause) ?? errorMessage(cause)}`,
    { cause },
  );
}

/** Whether the same request may succeed at another server. */
export function isUnavailable(error: unknown): boolean {
  return (
    !isClerkError(error) ||
    error.code === 'REGISTRY_UNREACHABLE' ||
    error.code === 'REGISTRY_INVALID' ||
    error.code === 'ENDPOINT_UNPROVEN' ||
    error.code === 'CLERK_CLOSED'
  );
}

/** Combines the errors of all servers into the error of the request. */
export function combineErrors(errors: readonly unknown[]): ClerkError {
  const [first] = errors;
  if (errors.length === 1 && isClerkError(first) && first.code !== 'CLERK_CLOSED') return first;
  const commonCode = (['REGISTRY_INVALID', 'ENDPOINT_UNPROVEN'] as const).find((code) =>
    errors.every((error) => isClerkError(error) && error.code === code),
  );
  return new ClerkError(
    commonCode ?? 'REGISTRY_UNREACHABLE',
    errors.length === 1
      ? errorMessage(first)
      : `None of ${String(errors.length)} registry servers sent a valid response: ${errors.map(errorMessage).join('; ')}`,
    { cause: errors.length === 1 ? first : new AggregateError(errors, 'All servers failed') },
  );
}

/** Describes a wrong use of TLS; undefined for any other error. */
function tlsProblem(error: unknown): string | undefined {
  const { code, socket } = error as {
    readonly code?: unknown;
    readonly socket?: { readonly bytesRead?: unknown };
  };
  if (isTlsMismatch(error)) return 'the server does not use TLS; use an http: URL, or secure the registry';
  if (code === 'UND_ERR_SOCKET' && socket?.bytesRead === 0)
    return 'the server closed the connection without a response; use an https: URL if the server requires TLS';
  return code === 'DEPTH_ZERO_SELF_SIGNED_CERT'
    ? 'the certificate of the server is self-signed; set the option registryKey or $CLERK_REGISTRY_KEY to the key of the registry'
    : undefined;
}

/**
 * Whether a server sent a response that is not valid HTTP. Returns false for a response that ends early, although
 * undici reports a parser error.
 */
function isInvalidResponse(error: unknown): boolean {
  const { name, code, message } = error as Partial<NodeJS.ErrnoException>;
  return (
    code === 'UND_ERR_HEADERS_OVERFLOW' ||
    (name === 'HTTPParserError' && message?.includes('Invalid EOF state') !== true)
  );
}

import { ClerkError, errorMessage } from '../core/errors.js';

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
      `The response of ${url} is not valid HTTP: ${errorMessage(error)}; check that the address belongs to a registry`,
      { cause: error },
    );
  const refused = code === 'ECONNREFUSED' || code === 'ENOENT';
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    refused
      ? `No registry listens at ${url}; start one with 'npx clerk serve', or set another registry address`
      : `The registry at ${url} is unreachable: ${tlsProblem(code) ?? errorMessage(error)}`,
    { cause: error },
  );
}

/** Undefined for an error that is not about TLS. */
function tlsProblem(code: unknown): string | undefined {
  switch (code) {
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
      return 'the server does not use TLS; use http:, or secure the registry';
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return 'no certificate authority vouches for its certificate; set the option registryKey or $CLERK_REGISTRY_KEY to the key of the registry';
    default:
      return undefined;
  }
}

/** False for a response that ends early, although undici reports a parser error for it. */
function isInvalidResponse(error: unknown): boolean {
  const { name, code, message } = error as Partial<NodeJS.ErrnoException>;
  return (
    code === 'UND_ERR_HEADERS_OVERFLOW' ||
    (name === 'HTTPParserError' && message?.includes('Invalid EOF state') !== true)
  );
}

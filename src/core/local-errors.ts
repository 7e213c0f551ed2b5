const codes = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EAI_AGAIN']);

/**
 * Whether a connection failed because this host has run out of file descriptors, memory or ports, or cannot resolve
 * names. Such a failure shows nothing about the endpoint.
 */
export function isLocalError(error: unknown): boolean {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.every(isLocalError);
  return codes.has(String((error as { code?: unknown } | null | undefined)?.code));
}

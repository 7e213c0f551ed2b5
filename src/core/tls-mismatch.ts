/** OpenSSL's codes for a peer that does not send TLS. Newer versions use the second code. */
const notTlsCodes: ReadonlySet<unknown> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
]);

const mismatchCode = 'TLS_MISMATCH';

/** Whether an error states that an address and the server at this address disagree on the use of TLS. */
export function isTlsMismatch(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === mismatchCode;
}

/**
 * Replaces OpenSSL's message in the error of a TLS connection by a message that says what was wrong. Returns any other
 * error unchanged.
 * @param address - the address, as in the configuration of the program
 */
export function readableTlsError(error: Error, address: string): Error {
  const { code } = error as NodeJS.ErrnoException;
  const isOfOpenSsl = code?.startsWith('ERR_SSL_') === true || error.message.includes('SSL routines:');
  if (!isOfOpenSsl) return error;
  const reason = reasonOf(error);
  if (notTlsCodes.has(code) || reason === 'wrong version number' || reason === 'packet length too long')
    return mismatchError(`The server at ${address} does not use TLS; ${useInstead(address)}`);
  return Object.assign(new Error(`The TLS connection to ${address} failed: ${reason ?? String(code)}`), {
    code,
  });
}

/** Creates the error for an address without TLS whose server requires TLS. */
export function tlsRequiredError(address: string): Error {
  return mismatchError(`The server at ${address} requires TLS; ${useInstead(address)}`);
}

function mismatchError(message: string): Error {
  return Object.assign(new Error(message), { code: mismatchCode });
}

function useInstead(address: string): string {
  const other = { 'https:': 'http:', 'http:': 'https:', 'unix+https:': 'unix:', 'unix:': 'unix+https:' };
  const scheme = /^[a-z+]+:/.exec(address)?.[0] ?? '';
  return Object.hasOwn(other, scheme)
    ? `change the scheme of the address to ${other[scheme as keyof typeof other]}`
    : 'change the address';
}

/** Returns OpenSSL's reason, such as `wrong version number`; undefined if the error contains none. */
function reasonOf(error: Error): string | undefined {
  const { reason } = error as { readonly reason?: unknown };
  return typeof reason === 'string' ? reason : /SSL routines:[^:]*:([^:]*)/.exec(error.message)?.[1];
}

import type { KeyTools } from './credentials.js';
import type { KeyPin } from './key-pin.js';

/**
 * Returns the pin of the key that a peer has proved; undefined without a certificate, and for a certificate that cannot
 * be read. Never throws: the callers are listeners of sockets, where an exception would end the process.
 */
export function pinOfPeer(
  certificate: { readonly raw: Uint8Array } | undefined,
  keys: Pick<KeyTools, 'pinOf'>,
): KeyPin | undefined {
  try {
    return certificate && keys.pinOf(certificate.raw);
  } catch {
    return undefined;
  }
}

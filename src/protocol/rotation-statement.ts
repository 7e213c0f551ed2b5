import type { KeyPin } from '../core/key-pin.js';

/** A change of the key of a principal. */
export interface KeyRotation {
  readonly principal: string;
  /** The key of the connection on which the rotation is requested. */
  readonly from: KeyPin;
  readonly to: KeyPin;
  /** The registry at which the rotation is requested. */
  readonly registry: KeyPin;
}

/**
 * Returns the text that the new key of a rotation signs. The old key is proved by the connection. The first line is that
 * of no other signature, so the signature is of no use elsewhere.
 *
 * @see [C7.6](../../docs/guarantees.md#c7-6)
 */
export function rotationStatement({ principal, from, to, registry }: KeyRotation): string {
  return ['binding-clerk key rotation v1', principal, from, to, registry, ''].join('\n');
}

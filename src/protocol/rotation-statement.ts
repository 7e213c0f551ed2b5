import type { KeyPin } from '../core/key-pin.js';

export interface KeyRotation {
  readonly principal: string;
  /** The key of the connection on which the rotation is requested. */
  readonly from: KeyPin;
  readonly to: KeyPin;
  readonly registry: KeyPin;
}

/**
 * The new key of a rotation signs this text; the connection proves the old key. No other signed text has this first
 * line, so the signature cannot be used for another purpose. @see [C7.6](../../docs/guarantees.md#c7-6)
 */
export function rotationStatement({ principal, from, to, registry }: KeyRotation): string {
  return ['binding-clerk key rotation v1', principal, from, to, registry, ''].join('\n');
}

/** How a registry announces its keys, so that clients and services accept its next key before it is used. */
import { isPin, type KeyPin } from '../core/key-pin.js';

/**
 * Response header of a secured registry: the pins of the keys that clients and services must accept, the present key
 * first, separated by spaces. @see [T10](../../docs/background.md#t10)
 */
export const registryKeysHeader = 'clerk-registry-keys';

const maxKeys = 4;

/** Returns undefined when the text is not a list of 1 to 4 pins. */
export function parseRegistryKeys(text: string): readonly KeyPin[] | undefined {
  const pins = text.split(' ', maxKeys + 1);
  return pins.length <= maxKeys && pins.every(isPin) ? Object.freeze(pins) : undefined;
}

/** The refusal of a change that comes before its time. */
import { ClerkError } from '../../../core/errors.js';

/**
 * What is thrown for a change that was promised not to come yet.
 *
 * @param isFrozen - another change waits for its time already
 * @see GNS G4; promises C1.2
 */
export function changeTooEarly(name: string, remainingMs: number, isFrozen: boolean): ClerkError {
  const ms = Math.ceil(remainingMs);
  return new ClerkError(
    'CHANGE_TOO_EARLY',
    isFrozen
      ? `${name} is frozen: another change of it comes about in ${ms} ms; ask again after that`
      : `${name} was promised to stay as it is for another ${ms} ms; ask again then, or with whenExpired`,
    { remainingMs: ms },
  );
}

/** A caller's AbortSignal, checked. */
import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events';
import { ClerkError } from '../core/errors.js';

/**
 * Checks a signal.
 *
 * @param subject - who has it
 * @throws {@link ClerkError} `CONFIG_INVALID`
 */
export function checkSignal(signal: unknown, subject?: string): AbortSignal | undefined {
  if (signal === undefined || signal === null) return undefined;
  if (signal instanceof AbortSignal) {
    // As fetch does: one signal for many calls is no leak, and Node would warn of one at the eleventh.
    if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(1_500, signal);
    return signal;
  }
  throw new ClerkError(
    'CONFIG_INVALID',
    `${subject === undefined ? '' : `${subject}: `}signal must be an AbortSignal`,
  );
}

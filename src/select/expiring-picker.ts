/** A picker that is made anew as time passes, when it is asked: no timer, nothing while no calls arrive. */
import type { Picker } from '../core/policy.js';

/** A picker, and until when it holds. */
export interface ExpiringPicker {
  readonly picker: Picker;
  /** On the monotonic clock; Infinity when it holds for good. */
  readonly expiresAt: number;
}

/** A picker that is made by its first pick, and again by the first one at or after `until`. */
export function expiringPicker(create: (now: number) => ExpiringPicker): Picker {
  let { picker, expiresAt }: ExpiringPicker = { picker: () => undefined, expiresAt: -Infinity };
  return (context) => {
    if (context.now >= expiresAt) ({ picker, expiresAt } = create(context.now));
    return picker(context);
  };
}

import type { Picker } from '../core/policy.js';

/** A picker and the time at which the picker expires. */
export interface ExpiringPicker {
  readonly picker: Picker;
  /** When the picker expires, on the monotonic clock; Infinity when the picker never expires. */
  readonly expiresAt: number;
}

/**
 * Returns a picker that uses the picker made by `create` until that picker expires. `create` is called on the first
 * pick, and again on the first pick at or after `expiresAt`. No timer is set.
 */
export function expiringPicker(create: (now: number) => ExpiringPicker): Picker {
  let { picker, expiresAt }: ExpiringPicker = { picker: () => undefined, expiresAt: -Infinity };
  return (context) => {
    if (context.now >= expiresAt) ({ picker, expiresAt } = create(context.now));
    return picker(context);
  };
}

import type { Picker } from '../core/policy.js';

/** A picker and the time until which it is valid. */
export interface ExpiringPicker {
  readonly picker: Picker;
  /** On the monotonic clock; Infinity if it does not expire. */
  readonly expiresAt: number;
}

/**
 * A picker that is created with the first pick, and again with the first pick at or after `expiresAt`. Sets no timer.
 */
export function expiringPicker(create: (now: number) => ExpiringPicker): Picker {
  let { picker, expiresAt }: ExpiringPicker = { picker: () => undefined, expiresAt: -Infinity };
  return (context) => {
    if (context.now >= expiresAt) ({ picker, expiresAt } = create(context.now));
    return picker(context);
  };
}

import type { Picker } from '../core/policy.js';

export interface ExpiringPicker {
  readonly picker: Picker;
  /** When the picker expires, on the monotonic clock; Infinity for never. */
  readonly expiresAt: number;
}

/** Returns a picker that calls `create` on the first pick, and again on the first pick at or after `expiresAt`. */
export function expiringPicker(create: (now: number) => ExpiringPicker): Picker {
  let { picker, expiresAt }: ExpiringPicker = { picker: () => undefined, expiresAt: -Infinity };
  return (context) => {
    if (context.now >= expiresAt) ({ picker, expiresAt } = create(context.now));
    return picker(context);
  };
}

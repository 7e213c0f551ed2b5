import type { Picker } from '../core/policy.js';

export interface ExpiringPicker {
  readonly picker: Picker;
  readonly expiresAt: number;
}

export function expiringPicker(create: (now: number) => ExpiringPicker): Picker {
  let { picker, expiresAt }: ExpiringPicker = { picker: () => undefined, expiresAt: -Infinity };
  return (context) => {
    if (context.now >= expiresAt) ({ picker, expiresAt } = create(context.now));
    return picker(context);
  };
}

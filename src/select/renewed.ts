/** A picker that is made anew as time passes, when it is asked: no timer, nothing while no calls arrive. */
import type { Picker } from '../core/policy.js';

/** A picker, and until when it holds. */
export interface Perishable {
  readonly picker: Picker;
  /** On the monotonic clock; Infinity when it holds for good. */
  readonly until: number;
}

/** A picker that is made by its first pick, and again by the first one at or after `until`. */
export function renewed(make: (now: number) => Perishable): Picker {
  let { picker, until }: Perishable = { picker: () => undefined, until: -Infinity };
  return (context) => {
    if (context.now >= until) ({ picker, until } = make(context.now));
    return picker(context);
  };
}

/** The beginning of an HTTP call of which nobody can be chosen yet: looks up, starts, waits, and sends the first attempt then. */
import type { Trip } from './trip.js';
import type { Troubled } from './troubled.js';

/** Begins; whatever goes wrong ends the call. */
export function open(call: Troubled, trip: Trip): void {
  call.site.wheel.set(call, call.deadlineAt);
  call.scope.runInAsyncScope(() => void prepare(call, trip));
}

async function prepare(call: Troubled, trip: Trip): Promise<void> {
  const { site, wish } = call;
  try {
    for (;;) {
      await site.prepare(wish, () => reckon(call, trip));
      const now = site.clock.now();
      if (!call.settled && trip.isTooLate(now)) call.settle(trip.late());
      if (call.settled) return;
      const candidate = site.chooseNow(now, wish);
      if (candidate === undefined) continue;
      site.budget.deposit(now);
      call.send(candidate, site.policyName, now, false);
      return;
    }
  } catch (error) {
    call.settle(error as Error);
  }
}

/** The service's record is known now, and may say how long the call has. */
function reckon(call: Troubled, trip: Trip): void {
  if (call.settled) return;
  call.reckon();
  trip.options.deadlineAt = call.deadlineAt;
  call.site.wheel.set(call, call.deadlineAt);
}

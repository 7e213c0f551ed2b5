import { deadlineError } from './call-errors.js';
import type { FailoverHost } from './http-call-port.js';
import type { RetryState } from './retry-state.js';

/**
 * Sends the first attempt of a call whose endpoint could not be picked from the cached resolution. As needed, first
 * looks the service up, starts the service or waits. Any error ends the call.
 */
export function resolveThenSend(call: FailoverHost, state: RetryState): void {
  call.context.wheel.set(call, call.deadlineAt);
  call.asyncContext.runInAsyncScope(() => void resolveAndPick(call, state));
}

async function resolveAndPick(call: FailoverHost, state: RetryState): Promise<void> {
  const { context, picker, constraints } = call;
  try {
    for (;;) {
      await picker.prepare(constraints, () => updateDeadline(call, state));
      const now = context.clock.now();
      if (!call.settled && state.isTooLate(now)) call.fail(deadlineError(state));
      if (call.settled) return;
      const candidate = picker.pick(now, constraints);
      if (candidate === undefined) continue;
      context.budget.deposit(now);
      call.send(candidate, picker.policyName, now, false);
      return;
    }
  } catch (error) {
    call.fail(error as Error);
  }
}

/** Recalculates the deadline. Called when the service config is known, since the config may set the call timeout. */
function updateDeadline(call: FailoverHost, state: RetryState): void {
  if (call.settled) return;
  call.updateDeadline();
  state.options.deadlineAt = call.deadlineAt;
  call.context.wheel.set(call, call.deadlineAt);
}

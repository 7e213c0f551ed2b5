/** The beginning of an HTTP call of which nobody can be chosen yet: looks up, starts, waits, and sends the first attempt then. */
import type { RetryState } from './retry-state.js';
import type { FailoverHost } from './http-call-port.js';

/** Begins; whatever goes wrong ends the call. */
export function resolveThenSend(call: FailoverHost, state: RetryState): void {
  call.context.wheel.set(call, call.deadlineAt);
  call.asyncContext.runInAsyncScope(() => void resolveAndPick(call, state));
}

async function resolveAndPick(call: FailoverHost, state: RetryState): Promise<void> {
  const { context, constraints } = call;
  try {
    for (;;) {
      await context.prepare(constraints, () => updateDeadline(call, state));
      const now = context.clock.now();
      if (!call.settled && state.isTooLate(now)) call.fail(state.deadlineError());
      if (call.settled) return;
      const candidate = context.pick(now, constraints);
      if (candidate === undefined) continue;
      context.budget.deposit(now);
      call.send(candidate, context.policyName, now, false);
      return;
    }
  } catch (error) {
    call.fail(error as Error);
  }
}

/** The service's record is known now, and may say how long the call has. */
function updateDeadline(call: FailoverHost, state: RetryState): void {
  if (call.settled) return;
  call.updateDeadline();
  state.options.deadlineAt = call.deadlineAt;
  call.context.wheel.set(call, call.deadlineAt);
}

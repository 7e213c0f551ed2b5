/** Requests of a clerk to a registry that hangs or fails: each ends with a code, and the registry learns of its end. */
import { getEventListeners } from 'node:events';
import { createClerk } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { createFakeRuntime } from 'binding-clerk/testing';
import { expect, onTestFinished, test } from 'vitest';
import { runInbound } from '../../src/core/inbound-request.js';
import { clerkErrorOf } from '../real/clerk-error-of.js';

/** A clerk in virtual time whose registry never responds, and the signals that the registry received. */
function clerkOfHangingRegistry() {
  const runtime = createFakeRuntime({ seed: 1 });
  const signals: AbortSignal[] = [];
  const hang = ({ signal }: { readonly signal: AbortSignal }): Promise<never> => {
    signals.push(signal);
    return new Promise(() => undefined);
  };
  const registry: Registry = {
    resolve: (_name, context) => hang(context),
    list: (_glob, context) => hang(context),
    search: (_glob, _filter, context) => hang(context),
  };
  const clerk = createClerk({ registry, runtime });
  onTestFinished(() => clerk.destroy());
  return { clerk, runtime, signals };
}

const queries = [
  ['resolve', (clerk: ReturnType<typeof createClerk>) => clerk.resolve('/shop/orders')],
  ['list', (clerk: ReturnType<typeof createClerk>) => clerk.list('/**')],
  ['search', (clerk: ReturnType<typeof createClerk>) => clerk.search('/**', {})],
] as const;

test.each(queries)('%s() without response aborts its request at the lookup timeout', async (_what, query) => {
  const { clerk, runtime, signals } = clerkOfHangingRegistry();
  const error = clerkErrorOf(query(clerk));
  await runtime.advance(5_000);
  expect((await error).code).toBe('REGISTRY_UNREACHABLE');
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
});

test.each(
  queries.flatMap(([what, query]) =>
    (['close', 'destroy'] as const).map((how) => [what, how, query] as const),
  ),
)(
  '%s() without response ends with CLERK_CLOSED at %s(), and its request is aborted',
  async (_what, how, query) => {
    const { clerk, runtime, signals } = clerkOfHangingRegistry();
    const error = clerkErrorOf(query(clerk));
    await runtime.advance(10);
    const closed = clerk[how]();
    await runtime.advance(0);
    expect((await error).code).toBe('CLERK_CLOSED');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    await closed;
  },
);

test('a query that the caller aborts passes the reason to the registry', async () => {
  const { clerk, runtime, signals } = clerkOfHangingRegistry();
  const controller = new AbortController();
  const error = clerkErrorOf(clerk.list('/**', { signal: controller.signal }));
  await runtime.advance(10);
  controller.abort('no longer needed');
  expect((await error).code).toBe('ABORTED');
  expect(signals.map(({ reason }) => reason as unknown)).toEqual(['no longer needed']);
  expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
});

test('clerk.request() waits for a lookup only until the deadline of the inbound request', async () => {
  const { clerk, runtime } = clerkOfHangingRegistry();
  const inbound = { deadlineAt: runtime.now() + 200, attempt: 1, isFinished: false };
  let code = '';
  void clerkErrorOf(runInbound(inbound, () => clerk.request('/shop/orders/7'))).then(
    (error) => (code = error.code),
  );
  await runtime.advance(199);
  expect(code).toBe('');
  await runtime.advance(2);
  expect(code).toBe('DEADLINE_EXCEEDED');
});

test.each(queries)('%s() ends by the deadline of the inbound request', async (_, query) => {
  const { clerk, runtime, signals } = clerkOfHangingRegistry();
  const inbound = { deadlineAt: runtime.now() + 200, attempt: 1, isFinished: false };
  let code = '';
  void clerkErrorOf(runInbound(inbound, () => query(clerk))).then((error) => (code = error.code));
  await runtime.advance(199);
  expect([code, signals.length]).toEqual(['', 1]);
  await runtime.advance(2);
  expect(code).toBe('DEADLINE_EXCEEDED');

  const late = await clerkErrorOf(runInbound(inbound, () => query(clerk)));
  expect(late.code).toBe('DEADLINE_EXCEEDED');
  expect(late.message).toContain('was not started because less than 10 ms were left before the deadline');
  expect(signals).toHaveLength(1);
});

test('a watch that the registry cannot start rejects with a code, and leaves no listener', async () => {
  const registry: Registry = {
    resolve: () => ({ kind: 'absent' }),
    watch: () => {
      throw new Error('no free slot');
    },
  };
  const clerk = createClerk({ registry, runtime: createFakeRuntime({ seed: 1 }) });
  onTestFinished(() => clerk.destroy());
  const { signal } = new AbortController();
  const error = await clerkErrorOf(clerk.watch('/shop/*', { signal }).next());
  expect(error.code).toBe('REGISTRY_UNREACHABLE');
  expect(error.message).toBe('The registry could not start a watch of /shop/*: no free slot');
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

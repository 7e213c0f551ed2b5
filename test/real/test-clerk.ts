/** A clerk over real sockets for one test, and its binding of `/shop/orders`, which asks its endpoints in the order given. */
import { onTestFinished } from 'vitest';
import {
  createClerk,
  type BindOptions,
  type Binding,
  type Clerk,
  type ClerkOptions,
  type EndpointInit,
  type Outcome,
} from 'binding-clerk';

/** See the file's header. */
export interface TestClerk {
  readonly clerk: Clerk;
  readonly orders: Binding;
  /** What became of every attempt, in order. */
  readonly outcomes: readonly Outcome[];
}

/** Makes one; destroyed with the test. */
export function testClerk(
  endpoints: readonly (string | EndpointInit)[],
  options: Omit<ClerkOptions, 'registry'> = {},
  bind: BindOptions = {},
): TestClerk {
  const clerk = createClerk({ registry: { '/shop/orders': endpoints }, ...options });
  onTestFinished(() => clerk.destroy());
  const outcomes: Outcome[] = [];
  clerk.on('attempt', ({ outcome }) => outcomes.push(outcome));
  return { clerk, orders: clerk.bind('/shop/orders', { policy: ([first]) => first, ...bind }), outcomes };
}

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

/**
 * A clerk over real sockets and its binding of `/shop/orders`, which tries its endpoints in the given order.
 */
export interface TestClerk {
  readonly clerk: Clerk;
  readonly orders: Binding;
  /** Outcomes of all attempts, in order. */
  readonly outcomes: readonly Outcome[];
}

/** Creates one; it is destroyed with the test. */
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

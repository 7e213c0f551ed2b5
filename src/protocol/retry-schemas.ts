/** zod schemas of retry settings. The schemas check types; `checkAttemptTimeout` and `checkRetries` check ranges. */
import * as z from 'zod/mini';
import type { RetryOverrides } from '../core/retry-options.js';
import { assertAllTrue, type SchemaMatches } from './schema-types.js';

const optionalNumber = z.optional(z.number());

export const attemptTimeout = z.union([
  z.number(),
  z.strictObject({ min: optionalNumber, max: optionalNumber }),
]);
export const retries = z.union([
  z.literal(false),
  z.strictObject({
    max: z.optional(z.int()),
    statuses: z.optional(z.array(z.int())),
    budget: z.optional(z.strictObject({ ratio: optionalNumber, minPerSecond: optionalNumber })),
  }),
]);

assertAllTrue<
  [
    SchemaMatches<typeof attemptTimeout, NonNullable<RetryOverrides['attemptTimeoutMs']>>,
    SchemaMatches<typeof retries, Exclude<RetryOverrides['retries'], undefined>>,
  ]
>();

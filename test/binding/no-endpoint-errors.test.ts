/** What the error of a call states for which no endpoint can be tried. In virtual time. */
import type { ClerkError } from 'binding-clerk';
import { memoryCluster } from 'binding-clerk/testing';
import { expect, onTestFinished, test } from 'vitest';
import { clerkErrorOf } from '../real/clerk-error-of.js';

test('while all endpoints are in connection backoff, the time until the next one is in whole ms', async () => {
  const { clerk, cluster } = memoryCluster({ '/s': ['a'] }, { seed: 1 });
  onTestFinished(() => clerk.destroy());
  const service = clerk.bind('/s');
  cluster.kill('a');
  // A call waits for a short backoff. Each failed attempt makes the backoff longer.
  let error: ClerkError;
  do error = await clerkErrorOf(service.text('/x'));
  while (error.outcomes.length > 0);
  expect(error).toMatchObject({
    code: 'ENDPOINTS_EXHAUSTED',
    execution: 'none',
    message: expect.stringMatching(/ accepted a connection, .* in the next \d+ ms; /) as string,
  });
});

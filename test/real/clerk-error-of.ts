/** What a call that must fail failed with. */
import { isClerkError, type ClerkError } from 'binding-clerk';

/** The ClerkError that a promise rejects with; anything else is an error of the test. */
export async function clerkErrorOf(promise: Promise<unknown>): Promise<ClerkError> {
  const error = await promise.then(
    (value) => {
      throw new Error(`Nothing was thrown; it resolved with ${String(value)}`);
    },
    (reason: unknown) => reason,
  );
  if (!isClerkError(error)) throw new Error('What was thrown is no ClerkError', { cause: error });
  return error;
}

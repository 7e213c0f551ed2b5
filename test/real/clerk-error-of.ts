import { isClerkError, type ClerkError } from 'binding-clerk';

/** Resolves with the ClerkError that a promise rejects with; anything else fails the test. */
export async function clerkErrorOf(promise: Promise<unknown>): Promise<ClerkError> {
  const error = await promise.then(
    (value) => {
      throw new Error(`The promise must reject; it resolved with ${String(value)}`);
    },
    (reason: unknown) => reason,
  );
  if (!isClerkError(error)) throw new Error('The error must be a ClerkError', { cause: error });
  return error;
}

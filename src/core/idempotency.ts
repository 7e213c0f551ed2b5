/**
 * Decides whether a call may be retried. `safe`: the call changes nothing, and may be retried. `idempotent`: two runs
 * of the call have the same effect as one run, so the call may be retried. `once`: the call must run at most once, and
 * is retried only if the call certainly did not run.
 *
 * This library cannot check whether a call is `idempotent`; the caller must know. Even an idempotent `set x = 5` can do
 * harm when retried: the retry overwrites what another client wrote to `x` after the first attempt.
 *
 * @see [C3.1](../../docs/guarantees.md#c3-1), [C3.8](../../docs/guarantees.md#c3-8)
 */
export type CallKind = 'safe' | 'idempotent' | 'once';

/** All call kinds, for option checks. */
export const callKinds: readonly CallKind[] = ['safe', 'idempotent', 'once'];

/**
 * Returns the default kind of calls with an HTTP method: `safe` for GET, HEAD, OPTIONS and TRACE, `once` for all other
 * methods.
 *
 * @param method - the HTTP method, in upper case
 */
export function kindOfMethod(method: string): CallKind {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE'
    ? 'safe'
    : 'once';
}

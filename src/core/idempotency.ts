/**
 * What a retry of a call may do. `safe`: the call changes nothing. `idempotent`: two runs of the call have the same
 * effect as one run. `once`: the call must run at most once, and is retried only if the call certainly did not run.
 *
 * The caller claims that a call is `idempotent`. A `set x = 5` that is retried after another client wrote `x` still
 * overwrites the other client's value.
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

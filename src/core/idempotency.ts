/**
 * What a retry of a call does. `safe`: the call changes nothing. `idempotent`: running it twice equals running it once.
 * `once`: it must run at most once, so it is retried only when it certainly was not executed.
 *
 * `idempotent` is a claim of the caller. A `set x = 5` that is retried after another client's write overwrites that write.
 *
 * @see [C3.1](../../docs/guarantees.md#c3-1), [C3.8](../../docs/guarantees.md#c3-8)
 */
export type CallKind = 'safe' | 'idempotent' | 'once';

/** All call kinds, for option checks. */
export const callKinds: readonly CallKind[] = ['safe', 'idempotent', 'once'];

/**
 * The default kind of an HTTP method: GET, HEAD, OPTIONS and TRACE are `safe`, all others `once`.
 *
 * @param method - in upper case
 */
export function kindOfMethod(method: string): CallKind {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE'
    ? 'safe'
    : 'once';
}

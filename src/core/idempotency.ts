/** What the clerk must know of a call besides where it goes. */

/**
 * What a repeat would do. `safe`: nothing is changed by the call. `idempotent`: running it twice is running it once.
 * `once`: it must run at most once, so it is repeated only while it certainly has not been sent.
 *
 * Idempotent is the caller's claim and not free: a `set x = 5` that is repeated after another writer's update loses
 * that update.
 *
 * @see promises C3.1, C3.8
 */
export type CallKind = 'safe' | 'idempotent' | 'once';

/** The kinds, for checks of options. */
export const callKinds: readonly CallKind[] = ['safe', 'idempotent', 'once'];

/**
 * The kind that an HTTP method has by itself: GET, HEAD, OPTIONS and TRACE are `safe`, everything else is `once`.
 *
 * @param method - upper case, as on the wire
 */
export function kindOfMethod(method: string): CallKind {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE'
    ? 'safe'
    : 'once';
}

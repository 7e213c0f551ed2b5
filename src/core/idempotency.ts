/**
 * Whether a call may be retried. `safe`: the call changes nothing. `idempotent`: two runs have the same effect as one
 * run. `once`: the call is retried only if it certainly did not run.
 *
 * Even an idempotent `set x = 5` can do harm when retried: the retry overwrites what another client wrote to `x` in
 * between. @see [C3.1](../../docs/guarantees.md#c3-1), [C3.8](../../docs/guarantees.md#c3-8)
 */
export type CallKind = 'safe' | 'idempotent' | 'once';

export const callKinds: readonly CallKind[] = ['safe', 'idempotent', 'once'];

/**
 * Returns the default kind of an HTTP method in upper case: `once` even for PUT and DELETE, see {@link CallKind}.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1
 */
export function kindOfMethod(method: string): CallKind {
  switch (method) {
    case 'GET':
    case 'HEAD':
    case 'OPTIONS':
    case 'TRACE':
    case 'QUERY':
      return 'safe';
    default:
      return 'once';
  }
}

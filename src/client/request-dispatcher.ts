import type { Dispatcher } from 'undici';

/**
 * Returns the dispatcher of a `Request` that Node 20 or 22 created. The `Request` of later Node versions, and of the
 * undici package, hides its dispatcher, so the result is undefined.
 */
export function dispatcherOf(input: unknown): Pick<Dispatcher, 'dispatch'> | undefined {
  if (Object.prototype.toString.call(input) !== '[object Request]') return undefined;
  const symbols = Object.getOwnPropertySymbols(input);
  const key = symbols.find(({ description }) => description === 'dispatcher');
  return key === undefined ? undefined : (Reflect.get(input as object, key) as Dispatcher | undefined);
}

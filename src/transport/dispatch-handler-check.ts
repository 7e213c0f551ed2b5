import type { Dispatcher } from 'undici';
import { describeValue } from '../core/describe-value.js';
import { undici } from './load-undici.js';

const responseMethods = ['onHeaders', 'onData', 'onComplete'] as const;

/**
 * Checks, as undici does, that a handler has the methods that its request needs. Runs before a byte is sent. If a
 * method is missing, passes an error to `onError` of the handler and returns false.
 * @throws undici's `InvalidArgumentError` when the handler has no method that receives the error
 */
export function checkHandler(handler: unknown, request: Dispatcher.DispatchOptions): boolean {
  if (!isHandlerObject(handler)) throw invalid('handler must be an object', handler);
  // undici checks the path before the handler. If the path is invalid, the call reports this error later.
  if (typeof (request.path as unknown) !== 'string') return true;
  const isNewer = typeof handler['onRequestStart'] === 'function';
  // undici 7 requires only `onRequestStart` of the newer form. Without `onResponseError`, the handler would receive no
  // errors.
  if (isNewer && typeof handler['onResponseError'] !== 'function')
    throw invalid('invalid onResponseError method: it must be a function', handler['onResponseError']);
  if (isNewer) return true;
  const missing = missingMethod(handler, Boolean(request.upgrade) || request.method === 'CONNECT');
  if (missing === undefined) return true;
  const error = invalid(`invalid ${missing} method: it must be a function`, handler[missing]);
  const { onError } = handler;
  if (typeof onError !== 'function') throw error;
  onError.call(handler, error);
  return false;
}

export function isHandlerObject(handler: unknown): handler is Readonly<Record<string, unknown>> {
  return typeof handler === 'object' && handler !== null;
}

function missingMethod(handler: Readonly<Record<string, unknown>>, upgrades: boolean): string | undefined {
  if (typeof handler['onConnect'] !== 'function') return 'onConnect';
  if (typeof handler['onError'] !== 'function') return 'onError';
  const { onBodySent } = handler;
  if (onBodySent !== undefined && typeof onBodySent !== 'function') return 'onBodySent';
  if (upgrades) return typeof handler['onUpgrade'] === 'function' ? undefined : 'onUpgrade';
  return responseMethods.find((method) => typeof handler[method] !== 'function');
}

function invalid(problem: string, value: unknown): Error {
  return new (undici().errors.InvalidArgumentError)(`${problem}; got ${describeValue(value)}`);
}

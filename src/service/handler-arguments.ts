import { ClerkError } from '../core/errors.js';
import type { NodeRequest, NodeResponse } from './at-most-once/node-types.js';

export interface HandlerArguments {
  readonly isFetch: boolean;
  readonly header: (name: string) => string | undefined;
}

/**
 * Reads the request headers from the arguments of a Node handler or a fetch-style handler. The arguments show which
 * kind of handler it is.
 *
 * @param wrapper - function that wrapped the handler, such as `atMostOnce()`
 * @throws {@link ClerkError} `CONFIG_INVALID` when the arguments belong to neither kind
 */
export function readHandlerArguments(
  [request, response]: readonly unknown[],
  wrapper: string,
): HandlerArguments {
  const headers = (request as { readonly headers?: unknown } | null | undefined)?.headers;
  if (typeof (headers as Partial<Headers> | null | undefined)?.get === 'function')
    return { isFetch: true, header: (name) => (headers as Headers).get(name) ?? undefined };
  const isNode =
    typeof headers === 'object' &&
    headers !== null &&
    typeof (response as NodeResponse | null | undefined)?.setHeader === 'function';
  if (!isNode)
    throw new ClerkError(
      'CONFIG_INVALID',
      `A handler wrapped by ${wrapper} must be called with a Node request and response, or with a Request; got neither`,
    );
  return {
    isFetch: false,
    header: (name) => {
      const value = (headers as NodeRequest['headers'])[name];
      return typeof value === 'object' ? value.join(', ') : value;
    },
  };
}

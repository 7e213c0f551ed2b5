import { definedFields } from '../core/defined-fields.js';
import { checkKnownOptions } from './options.js';

/** Options of each request of a `RegistryAdmin`. An unknown option is rejected with `CONFIG_INVALID`. */
export interface AdminRequestOptions {
  /**
   * Aborts the request, which then rejects with `ABORTED`. The field `execution` of the error is `unknown` if a change
   * was sent and may have been made, and `none` if not.
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Separates the options of a request from the fields of its message.
 *
 * @param method - name of the method, for error messages
 * @param keys - the known fields of the message. Default: all fields; the registry rejects unknown ones.
 * @throws {@link ClerkError} `CONFIG_INVALID`
 */
export function splitOptions<T extends AdminRequestOptions>(
  options: T,
  method: string,
  keys?: readonly string[],
): readonly [AdminRequestOptions, Omit<T, 'signal'>] {
  checkKnownOptions(options, ['signal', ...(keys ?? Object.keys(Object(options) as object))], `${method}()`);
  const { signal, ...fields } = options;
  return [definedFields({ signal }), definedFields(fields) as unknown as Omit<T, 'signal'>];
}

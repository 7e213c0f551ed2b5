import { isClerkError } from '../../core/errors.js';
import { notFoundError } from './request-rights.js';

/**
 * If a change fails because its name does not exist, adds a similar name to the error. Suggests only names that the
 * client may see.
 */
export async function suggestName<T>(
  change: Promise<T>,
  name: string,
  queries: { readonly nearName: (name: string) => string | undefined },
): Promise<T> {
  try {
    return await change;
  } catch (error) {
    const isAbsent = isClerkError(error) && error.message === notFoundError(name).message;
    throw isAbsent ? notFoundError(name, queries.nearName(name)) : error;
  }
}

import { quote } from '../../core/describe-value.js';
import { nearestText } from '../../core/nearest-text.js';
import { HttpError } from './http-error.js';

export function parseQuery(target: string): Record<string, string> {
  const query = Object.create(null) as Record<string, string>;
  for (const [key, value] of queryPairs(target)) {
    if (key === '__proto__')
      throw new HttpError('CONFIG_INVALID', "The query must not have the key '__proto__'; use another key");
    if (key in query)
      throw new HttpError(
        'CONFIG_INVALID',
        `The query must have each key at most once; got ${quote(key)} twice`,
      );
    query[key] = value;
  }
  return query;
}

/**
 * @param query - parsed query
 * @throws {@link ClerkError} `CONFIG_INVALID` for a key that is not allowed
 */
export function checkQueryKeys(query: Readonly<Record<string, string>>, allowed: readonly string[]): void {
  for (const key of Object.keys(query)) if (!allowed.includes(key)) throw unknownKeyError(key, allowed);
}

/** Throws if the target of a route without query keys has a query. */
export function checkNoQuery(target: string): void {
  if (target.includes('?')) checkQueryKeys(parseQuery(target), []);
}

function unknownKeyError(key: string, allowed: readonly string[]): HttpError {
  if (allowed.length === 0)
    return new HttpError(
      'CONFIG_INVALID',
      `The query has the unknown key ${quote(key)}; remove the key, because this request accepts no query keys`,
    );
  const nearest = nearestText(key, allowed);
  const meant = nearest === undefined ? '' : `; did you mean ${quote(nearest)}?`;
  return new HttpError(
    'CONFIG_INVALID',
    `The query has the unknown key ${quote(key)}; known keys are ${allowed.join(', ')}${meant}`,
  );
}

export function* queryPairs(target: string): IterableIterator<[string, string]> {
  const at = target.indexOf('?');
  if (at < 0 || at === target.length - 1) return;
  for (const pair of target.slice(at + 1).split('&')) {
    const equals = pair.indexOf('=');
    if (equals < 0)
      throw new HttpError('CONFIG_INVALID', `The query must consist of key=value pairs; got ${quote(pair)}`);
    yield [decodeComponent(pair.slice(0, equals)), decodeComponent(pair.slice(equals + 1))];
  }
}

function decodeComponent(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new HttpError('CONFIG_INVALID', `The query must be percent-encoded UTF-8; got ${quote(text)}`);
  }
}

export function targetPath(target: string): string {
  const at = target.indexOf('?');
  return at < 0 ? target : target.slice(0, at);
}

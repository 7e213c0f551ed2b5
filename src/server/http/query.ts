/** Queries: each key at most once, unless it is said that it may come again. Decoded once, refused when it cannot be. */
import { quote } from '../../core/describe-value.js';
import { HttpError } from './http-error.js';

/** The query of a request's target as an object without a prototype. @throws `CONFIG_INVALID` */
export function parseQuery(target: string): Record<string, string> {
  const query = Object.create(null) as Record<string, string>;
  for (const [key, value] of queryPairs(target)) {
    if (key === '__proto__')
      throw new HttpError(
        'CONFIG_INVALID',
        "The query has the key '__proto__', which no object keeps; use another word",
      );
    if (key in query)
      throw new HttpError('CONFIG_INVALID', `The query has ${quote(key)} twice; write it once`);
    query[key] = value;
  }
  return query;
}

/** The same, where one key may come any number of times. */
export function* queryPairs(target: string): IterableIterator<[string, string]> {
  const at = target.indexOf('?');
  if (at < 0 || at === target.length - 1) return;
  for (const pair of target.slice(at + 1).split('&')) {
    const equals = pair.indexOf('=');
    if (equals < 0) throw new HttpError('CONFIG_INVALID', `The query has ${quote(pair)}; write key=value`);
    yield [decodeComponent(pair.slice(0, equals)), decodeComponent(pair.slice(equals + 1))];
  }
}

function decodeComponent(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new HttpError('CONFIG_INVALID', `The query has ${quote(text)}, which is not percent-encoded UTF-8`);
  }
}

/** The path of a request's target, as it came: a target that is not written plainly fits no route. */
export function targetPath(target: string): string {
  const at = target.indexOf('?');
  return at < 0 ? target : target.slice(0, at);
}

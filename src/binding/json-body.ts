import { describeValue } from '../core/describe-value.js';
import { errorMessage, configError } from '../core/errors.js';
import { copyHeaders } from './request-copy.js';
import type { RequestOptions } from './request-options.js';

type BodyOptions = Pick<RequestOptions, 'json' | 'body' | 'headers'>;

/**
 * Replaces the option `json` by a body and a content type. Returns options without `json` unchanged.
 * @throws {@link ClerkError} `CONFIG_INVALID` when `body` is also given, or JSON cannot represent the value
 */
export function withJsonBody<T extends BodyOptions>(options: T, subject: string): T {
  if (options.json === undefined) return options;
  if (options.body !== undefined && options.body !== null)
    throw configError(`${subject}: json and body are both given; remove one of them`);
  return {
    ...options,
    json: undefined,
    body: toJson(options.json, subject),
    headers: copyHeaders(options.headers, 'application/json'),
  };
}

function toJson(value: unknown, subject: string): string {
  let text: unknown;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw configError(`${subject}: json must be a value that JSON can hold: ${errorMessage(error)}`);
  }
  if (typeof text === 'string') return text;
  throw configError(`${subject}: json must be a value that JSON can hold; got ${describeValue(value)}`);
}

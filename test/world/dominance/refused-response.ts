import type { ServerReply } from 'binding-clerk/testing';
import { errors } from 'undici';

/** Response header, in lower case, that makes a simulated transport refuse the response. Its value is the number of an error. */
export const refusedResponseHeader = 'x-refused-response';

/** How undici refuses one kind of response. */
export interface RefusedResponse {
  /**
   * When undici refuses it: `start` before the first byte is reported (`onResponseStarted`), `head` after that, `end` after the
   * head was delivered.
   */
  readonly at: 'start' | 'head' | 'end';
  createError(): Error;
}

const parserError =
  (message: string, code: string): (() => Error) =>
  () =>
    // The types of undici lack the constructor, which adds the prefix `HPE_`.
    Reflect.construct(errors.HTTPParserError, [
      `Response does not match the HTTP/1.1 protocol (${message})`,
      code,
    ]) as Error;

/**
 * Errors of undici 7 for responses that it refuses although the server has sent them: by its HTTP/1.1 parser, its limits and
 * its checks of the head.
 */
const refusedResponses: readonly RefusedResponse[] = [
  { at: 'start', createError: parserError('Expected HTTP/', 'INVALID_CONSTANT') },
  { at: 'start', createError: parserError('Invalid HTTP version', 'INVALID_VERSION') },
  { at: 'head', createError: parserError('Invalid header field char', 'INVALID_HEADER_TOKEN') },
  {
    at: 'head',
    createError: parserError("Content-Length can't be present twice", 'UNEXPECTED_CONTENT_LENGTH'),
  },
  {
    at: 'head',
    createError: parserError(
      "Transfer-Encoding can't be present with Content-Length",
      'INVALID_TRANSFER_ENCODING',
    ),
  },
  { at: 'head', createError: () => new errors.HeadersOverflowError() },
  // An informational response that was not asked for.
  { at: 'head', createError: () => new errors.SocketError('bad response') },
  // 101 without an upgrade in the request.
  { at: 'head', createError: () => new errors.SocketError('bad upgrade') },
  // A body of another length than the head says, such as a 304 with Content-Length.
  { at: 'end', createError: () => new errors.ResponseContentLengthMismatchError() },
];

/** Number of kinds of refused responses. */
export const refusedResponseCount = refusedResponses.length;

/** The refusal that a response head asks for; undefined when the response is to be delivered. */
export function refusalOf(headers: readonly Buffer[]): RefusedResponse | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toString('latin1') === refusedResponseHeader)
      return refusedResponses[Number(headers[i + 1]?.toString('latin1'))];
  }
  return undefined;
}

/** When the transport refuses a reply; undefined when it does not. */
export function refusedAt({ headers }: ServerReply): RefusedResponse['at'] | undefined {
  const number = headers?.[refusedResponseHeader];
  return number === undefined ? undefined : refusedResponses[Number(number)]?.at;
}

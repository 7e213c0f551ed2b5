/**
 * Reads request bodies: one JSON value, or one JSON value per line, in UTF-8 and without compression. The bytes of a
 * body are counted as chunks arrive, so a body above the size limit is rejected before the whole body has arrived.
 *
 * @see [A7](../../../docs/guarantees.md#a7), [A8](../../../docs/guarantees.md#a8),
 *   [C8.2](../../../docs/guarantees.md#c8-2)
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { quote } from '../../core/describe-value.js';
import { limits } from '../../protocol/limits.js';
import { HttpError } from './http-error.js';

const jsonMediaType = /^application\/json[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?$/i;
const ndjsonMediaType = /^application\/(x-ndjson|jsonl)[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

/** Format of a body: one JSON value, or one JSON value per line. */
export type BodyFormat = 'json' | 'lines';

/**
 * Checks the content type and the content encoding of a body.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` with status 415
 */
export function checkContentType({ headers }: IncomingMessage, format: BodyFormat): void {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    throw new HttpError(
      'CONFIG_INVALID',
      `Header content-encoding must be absent or 'identity'; got ${quote(encoding)}`,
      415,
    );
  const type = headers['content-type'] ?? '';
  if (type === 'application/json' && format === 'json') return;
  if (!(format === 'json' ? jsonMediaType : ndjsonMediaType).test(type))
    throw new HttpError(
      'CONFIG_INVALID',
      `Header content-type must be ${format === 'json' ? 'application/json' : 'application/x-ndjson'}; got ${type === '' ? 'none' : quote(type)}`,
      415,
    );
}

/**
 * Throws if a GET or HEAD request has a body. The error response closes the connection, so that the unread body cannot
 * be taken for the next request.
 */
export function checkNoBody({ headers, method }: IncomingMessage): void {
  const length = headers['content-length'];
  if (headers['transfer-encoding'] === undefined && (length === undefined || length === '0')) return;
  throw new HttpError('CONFIG_INVALID', `A ${method ?? 'GET'} request must not have a body`, 400, {
    connection: 'close',
  });
}

function bodyTooLarge(maxBytes: number): HttpError {
  return new HttpError(
    'BODY_TOO_LARGE',
    `The body must be at most ${maxBytes} bytes; split the body into several requests`,
    413,
    {
      connection: 'close',
    },
  );
}

/**
 * Reads a body chunk by chunk.
 *
 * @param onChunk - called with each chunk; an error that `onChunk` throws ends the reading and is passed to `onEnd`
 * @param onEnd - called once, without an argument when the whole body was read, or with the error that ended the
 *   reading
 */
export function readChunks(
  incoming: IncomingMessage,
  maxBytes: number,
  onChunk: (chunk: Buffer) => void,
  onEnd: (error?: Error) => void,
): void {
  if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) {
    onEnd(bodyTooLarge(maxBytes));
    return;
  }
  let size = 0;
  let isDone = false;
  const end = (error?: Error): void => {
    if (isDone) return;
    isDone = true;
    onEnd(error);
  };
  incoming.on('data', (chunk: Buffer) => {
    if (isDone) return;
    size += chunk.length;
    try {
      if (size > maxBytes) throw bodyTooLarge(maxBytes);
      onChunk(chunk);
    } catch (error) {
      end(error as Error);
    }
  });
  incoming.once('end', () => end());
  incoming.once('close', () => {
    if (!isDone)
      end(
        new HttpError(
          'CONFIG_INVALID',
          'The body must be complete; the client closed the connection before the end of the body',
        ),
      );
  });
}

/**
 * Reads a body as text. Calls `onError` with `BODY_TOO_LARGE` for a body of more than `maxBodyBytes` bytes, and with
 * `CONFIG_INVALID` for a body that is incomplete or not UTF-8.
 */
export function readBodyText(
  incoming: IncomingMessage,
  onText: (text: string) => void,
  onError: (error: unknown) => void,
): void {
  const chunks: Buffer[] = [];
  readChunks(
    incoming,
    limits.maxBodyBytes,
    (chunk) => chunks.push(chunk),
    (error) => {
      if (error !== undefined) onError(error);
      else {
        const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
        if (isUtf8(body)) onText(body.toString('utf8'));
        else onError(new HttpError('CONFIG_INVALID', 'The body must be UTF-8'));
      }
    },
  );
}

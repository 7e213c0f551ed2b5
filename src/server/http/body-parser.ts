/**
 * Reads request bodies. A body must be uncompressed UTF-8. A body above the size limit is rejected before all of it
 * is received.
 *
 * @see [A7](../../../docs/guarantees.md#a7), [A8](../../../docs/guarantees.md#a8),
 * [C8.2](../../../docs/guarantees.md#c8-2)
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { quote } from '../../core/describe-value.js';
import { limits } from '../../protocol/limits.js';
import { HttpError } from './http-error.js';

const jsonMediaType = /^application\/json[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?$/i;
const ndjsonMediaType = /^application\/(x-ndjson|jsonl)[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

export function checkContentType({ headers }: IncomingMessage, format: 'json' | 'lines'): void {
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

/** Throws if a GET or HEAD request has a body. The error closes the connection, because the body is not read. */
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
 * Reads a body in chunks. If `onChunk` throws, ignores the remaining chunks and rejects with the thrown error.
 *
 * @throws {@link ClerkError} `BODY_TOO_LARGE`; `CONFIG_INVALID` when the body is incomplete
 */
export function readChunks(
  incoming: IncomingMessage,
  maxBytes: number,
  onChunk: (chunk: Buffer) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) throw bodyTooLarge(maxBytes);
    let size = 0;
    let hasFailed = false;
    incoming.on('data', (chunk: Buffer) => {
      if (hasFailed) return;
      size += chunk.length;
      try {
        if (size > maxBytes) throw bodyTooLarge(maxBytes);
        onChunk(chunk);
      } catch (error) {
        hasFailed = true;
        reject(error);
      }
    });
    incoming.once('end', resolve);
    incoming.once('close', () => {
      if (!incoming.readableEnded)
        reject(
          new HttpError(
            'CONFIG_INVALID',
            'The body is incomplete, because the client closed the connection; send the whole body',
          ),
        );
    });
  });
}

export async function readBodyText(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  await readChunks(incoming, limits.maxBodyBytes, (chunk) => chunks.push(chunk));
  const body = Buffer.concat(chunks);
  if (isUtf8(body)) return body.toString('utf8');
  throw new HttpError('CONFIG_INVALID', 'The body must be UTF-8');
}

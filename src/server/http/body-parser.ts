/**
 * Bodies of requests: JSON in UTF-8, with no encoding, of a bounded size that is counted while they arrive. What is
 * too large is answered at once and its sender listened to for a little while, since a connection that is cut takes the
 * answer with it.
 *
 * @see promises A7, A8, C8.2
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { quote } from '../../core/describe-value.js';
import { limits } from '../../protocol/limits.js';
import { HttpError } from './http-error.js';

const jsonMediaType = /^application\/json[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?$/i;
const ndjsonMediaType = /^application\/(x-ndjson|jsonl)[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

/** A form that a body can have. */
export type BodyFormat = 'json' | 'lines';

/** Refuses a body that is not of the form asked for. @throws `CONFIG_INVALID` with status 415 */
export function checkContentType({ headers }: IncomingMessage, format: BodyFormat): void {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    throw new HttpError(
      'CONFIG_INVALID',
      `Bodies with the content-encoding ${quote(encoding)} are not read; send it as it is`,
      415,
    );
  const type = headers['content-type'] ?? '';
  if (type === 'application/json' && format === 'json') return;
  if (!(format === 'json' ? jsonMediaType : ndjsonMediaType).test(type))
    throw new HttpError(
      'CONFIG_INVALID',
      `The content-type is ${type === '' ? 'missing' : quote(type)}; send ${format === 'json' ? 'application/json' : 'application/x-ndjson'}`,
      415,
    );
}

/** Refuses a body where none belongs: what comes behind it on the connection must not be taken for it. */
export function checkNoBody({ headers, method }: IncomingMessage): void {
  const length = headers['content-length'];
  if (headers['transfer-encoding'] === undefined && (length === undefined || length === '0')) return;
  throw new HttpError('CONFIG_INVALID', `A ${method ?? 'GET'} has no body; leave it off`, 400, {
    connection: 'close',
  });
}

function bodyTooLarge(maxBytes: number): HttpError {
  return new HttpError('BODY_TOO_LARGE', `The body is over ${maxBytes} bytes; send less at once`, 413, {
    connection: 'close',
  });
}

/**
 * Hands over a body as it arrives.
 *
 * @param onChunk - gets each piece; may throw
 * @param onEnd - once: without an error all of it was handed over
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
    if (!isDone) end(new HttpError('CONFIG_INVALID', 'The body broke off'));
  });
}

/** The text of a body. @throws `BODY_TOO_LARGE`, `CONFIG_INVALID` */
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
        else onError(new HttpError('CONFIG_INVALID', 'The body is no UTF-8; send it as that'));
      }
    },
  );
}

/** Bytes of a body refused that are still listened to, so that its sender gets to reading the answer. */
const maxDiscardedBytes = 1024 * 1024;

/**
 * Sends an answer to a request whose body was perhaps not read. A connection with unread bytes would be reset when it
 * is closed, and the answer with it.
 */
export function sendWithLingeringClose(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): void {
  if (outgoing.headersSent || outgoing.destroyed) return;
  outgoing.writeHead(status, { ...headers, 'content-length': String(Buffer.byteLength(body)) });
  if (incoming.complete || headers.connection !== 'close') {
    outgoing.end(body);
    return;
  }
  outgoing.write(body);
  let discardedBytes = 0;
  incoming.on('data', (chunk: Buffer) => {
    discardedBytes += chunk.length;
    if (discardedBytes > maxDiscardedBytes) outgoing.end();
  });
  incoming.once('end', () => outgoing.end());
  incoming.once('close', () => outgoing.end());
}

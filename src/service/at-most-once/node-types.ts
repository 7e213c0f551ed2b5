/** The members of requests and responses of `node:http`, `node:https` and `node:http2` that `atMostOnce` uses. */
import type { Readable } from 'node:stream';
import type { HeaderValue } from './stored-headers.js';

export interface NodeRequest extends Readable {
  readonly method?: string;
  readonly url?: string;
  /** The original value, if a router has changed `url`. */
  readonly originalUrl?: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** HTTP/1.1: whether the complete request was read. */
  readonly complete?: boolean;
  /** HTTP/2 only. */
  readonly stream?: NodeStream;
  readonly socket?: { readonly remoteAddress?: string | undefined };
}

export interface NodeStream {
  readonly endAfterHeaders: boolean;
  readonly readableEnded: boolean;
  readonly aborted: boolean;
  readonly closed: boolean;
  readonly destroyed: boolean;
  destroy(): unknown;
}

/** The methods that change what the client receives. */
export interface NodeResponse {
  statusCode: number;
  readonly headersSent: boolean;
  readonly destroyed?: boolean;
  readonly stream?: NodeStream | null;
  getHeaders(): Readonly<Record<string, HeaderValue>>;
  setHeader(name: string, value: HeaderValue): unknown;
  appendHeader?(name: string, value: HeaderValue): unknown;
  removeHeader(name: string): unknown;
  writeHead(status: number, ...rest: unknown[]): unknown;
  write(...args: unknown[]): unknown;
  end(...args: unknown[]): unknown;
  once(event: string, listener: () => void): unknown;
}

export function isClientGone(request: NodeRequest, response: NodeResponse): boolean {
  return (
    response.destroyed === true ||
    (request.destroyed && !request.readableEnded) ||
    request.stream?.destroyed === true ||
    request.stream?.closed === true
  );
}

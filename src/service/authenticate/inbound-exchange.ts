import type { Duplex } from 'node:stream';
import type { StoredResponse } from '../../core/idempotency-store.js';
import { toFetchResponse } from '../at-most-once/fetch-handler.js';
import { sendResponse } from '../at-most-once/node-handler.js';
import { isClientGone, type NodeRequest, type NodeResponse } from '../at-most-once/node-types.js';
import { readHandlerArguments } from '../handler-arguments.js';
import { nodeRequestOf } from './inbound-connection.js';

/** A request, as a handler gets it, and the way to refuse it. */
export interface InboundExchange {
  /** Whether the handler returns its response. */
  readonly isFetch: boolean;
  /** The Node request. For the event 'stream' of an HTTP/2 server, which has none: an object with the stream. */
  readonly nodeRequest: object;
  /** Objects by which `callerOf` finds the caller. */
  readonly subjects: readonly object[];
  readonly header: (name: string) => string | undefined;
  /**
   * Ignores errors of the connection while the ticket is verified. The returned function ends this. It is called when
   * the verification has ended, before the handler is called or the request is refused.
   */
  readonly hold: () => () => void;
  readonly isGone: () => boolean;
  /** Sends the refusal. The wrapped handler returns the result. */
  readonly refuse: (response: StoredResponse) => unknown;
}

interface Http2Stream extends Duplex {
  respond(headers: Readonly<Record<string, string | number | readonly string[]>>): void;
  readonly headersSent: boolean;
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

const reasonPhrases: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  503: 'Service Unavailable',
};

const noRelease = (): void => undefined;

/**
 * Reads the arguments of a handler for requests, for the events 'upgrade' and 'connect', or for the event 'stream' of
 * an HTTP/2 server.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when the arguments belong to no such handler
 */
export function readExchange(args: readonly unknown[]): InboundExchange {
  const [first, second] = args;
  if (isHttp2Stream(first)) return streamExchange(first, second as Headers);
  if (isSocket(second)) return socketExchange(first as NodeRequest, second);
  const { isFetch, header } = readHandlerArguments(args, 'authenticate()');
  const request = first as object;
  if (isFetch) {
    const nodeRequest = nodeRequestOf(args);
    return {
      isFetch,
      nodeRequest,
      subjects: [request, nodeRequest],
      header,
      hold: () => noRelease,
      isGone: () => false,
      refuse: toFetchResponse,
    };
  }
  const response = second as NodeResponse;
  // On Node 20, an object created with spread syntax would make this function four times as slow.
  return {
    isFetch,
    nodeRequest: request,
    subjects: [request],
    header,
    hold: () => noRelease,
    isGone: () => isClientGone(request as NodeRequest, response),
    refuse: (refusal) => sendResponse(response, refusal),
  };
}

function isHttp2Stream(value: unknown): value is Http2Stream {
  const { respond, session } = (value ?? {}) as { readonly respond?: unknown; readonly session?: unknown };
  return typeof respond === 'function' && typeof session === 'object';
}

/** A response of Node has `setHeader`; the socket of an upgrade or of a tunnel does not. */
function isSocket(value: unknown): value is Duplex {
  const { setHeader, destroy, pipe } = (value ?? {}) as Partial<Record<string, unknown>>;
  return setHeader === undefined && typeof destroy === 'function' && typeof pipe === 'function';
}

function socketExchange(request: NodeRequest, socket: Duplex): InboundExchange {
  return {
    isFetch: false,
    nodeRequest: request,
    subjects: [request],
    hold: () => ignoreErrors(socket),
    header: (name) => headerOf(request.headers, name),
    isGone: () => socket.destroyed,
    refuse(refusal) {
      ignoreErrors(socket);
      if (!socket.writable) socket.destroy();
      else socket.end(encodeResponse(refusal), () => socket.destroy());
    },
  };
}

function streamExchange(stream: Http2Stream, headers: Headers): InboundExchange {
  return {
    isFetch: false,
    nodeRequest: { stream },
    subjects: [stream],
    hold: () => ignoreErrors(stream),
    header: (name) => headerOf(headers, name),
    isGone: () => stream.destroyed,
    refuse({ status, headers: fields, body }) {
      ignoreErrors(stream);
      if (stream.destroyed || stream.headersSent) return;
      stream.respond({ ':status': status, ...Object.fromEntries(fields) });
      stream.end(body);
    },
  };
}

/** Without a listener, an error would end the process. The returned function removes this listener. */
function ignoreErrors(stream: Duplex): () => void {
  const ignore = (): void => undefined;
  stream.on('error', ignore);
  return () => void stream.off('error', ignore);
}

function headerOf(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'object' ? value.join(', ') : value;
}

function encodeResponse({ status, headers, body }: StoredResponse): Buffer {
  const lines = [
    `HTTP/1.1 ${String(status)} ${reasonPhrases[status] ?? ''}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    `content-length: ${String(body.byteLength)}`,
    'connection: close',
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

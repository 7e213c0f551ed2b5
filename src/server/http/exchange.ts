/**
 * One request and its answer: what every route does before and after its own work. Whatever is thrown on the way is
 * answered with a refusal; nothing escapes.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../core/logger.js';
import type { Launcher, NameService } from '../ports.js';
import { checkForm, checkNoBody, readText, sendWhole } from './body.js';
import { plainAddress } from './guard.js';
import { readJson } from './json.js';
import { queryOf } from './query.js';
import { answerTo } from './refusal.js';
import type { Route, RouteContext } from './routes.js';

/** What all exchanges of a server share. */
export interface Shared {
  readonly names: NameService;
  readonly launcher: Launcher | undefined;
  readonly logger: Logger;
  /** Aborted when the server is closed: who waits for a start is told so. */
  readonly closing: AbortSignal;
  /** Told each name that was looked up and is there. */
  readonly onLookUp: (name: string) => void;
}

/** Headers of every answer: where the names stand, and that nobody may keep or reinterpret it. */
export function headersOf({ names, closing }: Shared, type: string): Record<string, string> {
  const { revision, incarnation } = names.status();
  return {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'clerk-revision': revision,
    'clerk-incarnation': incarnation,
    ...(closing.aborted && { connection: 'close' }),
  };
}

/** Type of answers. */
export const jsonType = 'application/json';

/** For quotas: everybody from one address is one principal. */
export function principalOf({ socket }: IncomingMessage): string {
  return `address:${plainAddress(socket.remoteAddress ?? 'unknown')}`;
}

/** Sends an answer that is JSON. */
export function sendJson(shared: Shared, outgoing: ServerResponse, body: string): void {
  if (outgoing.headersSent || outgoing.destroyed) return;
  const headers = headersOf(shared, jsonType);
  headers['content-length'] = String(Buffer.byteLength(body));
  outgoing.writeHead(200, headers).end(body);
}

/** Sends a refusal for anything thrown. Where the answer has begun already, it is cut instead. */
export function sendRefusal(
  shared: Shared,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  error: unknown,
): void {
  const { status, body, headers } = answerTo(error, shared.logger);
  if (outgoing.headersSent) outgoing.destroy();
  else sendWhole(incoming, outgoing, status, { ...headersOf(shared, jsonType), ...headers }, body);
}

/** What a route works with, for one request. */
export function contextOf(shared: Shared, incoming: IncomingMessage, outgoing: ServerResponse): RouteContext {
  return {
    names: shared.names,
    launcher: shared.launcher,
    caller: { principal: principalOf(incoming) },
    signal: () => {
      // Whoever waits for a start may wait longer than a connection may be silent.
      outgoing.setTimeout(0);
      const gone = new AbortController();
      outgoing.once('close', () => gone.abort());
      return AbortSignal.any([gone.signal, shared.closing]);
    },
  };
}

/** What a route is asked: its query, or its body once it is there. Refusals come through `onError`. */
export function readInput(
  { method }: Route,
  incoming: IncomingMessage,
  onInput: (input: unknown) => void,
  onError: (error: unknown) => void,
): void {
  try {
    if (method === 'GET') {
      checkNoBody(incoming);
      onInput(queryOf(incoming.url ?? ''));
      return;
    }
    checkForm(incoming, 'json');
    readText(
      incoming,
      (text) => {
        try {
          onInput(readJson(text));
        } catch (error) {
          onError(error);
        }
      },
      onError,
    );
  } catch (error) {
    onError(error);
  }
}

/** The same as a promise. */
export function inputOf(route: Route, incoming: IncomingMessage): Promise<unknown> {
  return new Promise((resolve, reject) => readInput(route, incoming, resolve, reject));
}

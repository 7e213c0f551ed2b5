import type { Dispatcher } from 'undici';
import { positionHeader } from '../protocol/position.js';
import type { RegistryRequest } from './connection.js';
import type { SeenPosition } from './seen-position.js';

export function toDispatchOptions(
  { path, query, body, position }: RegistryRequest,
  seen: SeenPosition,
): Dispatcher.DispatchOptions {
  const accept = ['accept', 'application/json, text/event-stream', 'accept-encoding', 'identity'];
  const positions = seen.forRequest(position);
  if (positions !== '') accept.push(positionHeader, positions);
  const isLines = body instanceof Uint8Array;
  const target = query === undefined ? path : `${path}?${new URLSearchParams(query).toString()}`;
  if (body === undefined) return { method: 'GET', path: target, headers: accept };
  return {
    method: 'POST',
    path: target,
    headers: [...accept, 'content-type', isLines ? 'application/x-ndjson' : 'application/json'],
    body: isLines ? body : JSON.stringify(body),
  };
}

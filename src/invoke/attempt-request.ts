import type { TransportRequest } from '../core/transport.js';
import { addHeaders, callHeaders, setHeaders, type HeaderPairs } from '../protocol/call-headers.js';

/**
 * What the clerk states of an attempt replaces what a proxy has copied from the request that it serves. A call id of the
 * program stays.
 * @param leftMs - time left until the deadline; undefined to send no time
 * @param identity - headers that identify a 'once' call; the first one is its id
 */
export function attemptRequest(
  request: TransportRequest,
  number: number,
  leftMs: number | undefined,
  identity: HeaderPairs,
  ticket: string | undefined,
): TransportRequest {
  const pairs: HeaderPairs[number][] = [];
  if (leftMs !== undefined) pairs.push([callHeaders.timeoutMs, String(Math.max(1, Math.floor(leftMs)))]);
  if (number > 1) pairs.push([callHeaders.attemptCount, String(number)]);
  if (ticket !== undefined) pairs.push([callHeaders.ticket, ticket]);
  let identified = request;
  if (identity.length > 0) {
    identified = addHeaders(request, identity.slice(0, 1));
    pairs.push(...identity.slice(1));
  }
  return pairs.length === 0 ? identified : setHeaders(identified, pairs);
}

import type { TransportRequest } from '../core/transport.js';
import { addHeaders, callHeaders, setHeaders, type HeaderPairs } from '../protocol/call-headers.js';

/**
 * Adds the headers of one attempt. These headers replace headers of the program with the same names, which a proxy may
 * have copied from its inbound request. Only a call id that the program has set is kept.
 * @param leftMs - time left until the deadline, in ms; undefined if the request must not state the time left
 * @param identity - headers that identify a 'once' call; the first header is the call id
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

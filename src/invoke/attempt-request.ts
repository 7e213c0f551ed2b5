import type { TransportRequest } from '../core/transport.js';
import { addHeaders, callHeaders, withTicket, type HeaderPairs } from '../protocol/call-headers.js';

/**
 * @param leftMs - time left until the deadline; undefined to send no time
 * @param identity - headers that identify a 'once' call
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
  const ticketed = ticket === undefined ? request : withTicket(request, ticket);
  return pairs.length + identity.length === 0 ? ticketed : addHeaders(ticketed, [...pairs, ...identity]);
}

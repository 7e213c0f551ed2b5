import { channel } from 'node:diagnostics_channel';

const beforeConnect = channel('undici:client:beforeConnect');
const connected = channel('undici:client:connected');
const connectError = channel('undici:client:connectError');
const created = channel('undici:request:create');
const headersSent = channel('undici:client:sendHeaders');
const bodyChunkSent = channel('undici:request:bodyChunkSent');
const bodySent = channel('undici:request:bodySent');
const headersReceived = channel('undici:request:headers');
const bodyChunkReceived = channel('undici:request:bodyChunkReceived');
const trailersReceived = channel('undici:request:trailers');
const failed = channel('undici:request:error');

function hasSubscribers(): boolean {
  return (
    beforeConnect.hasSubscribers ||
    connected.hasSubscribers ||
    connectError.hasSubscribers ||
    created.hasSubscribers ||
    headersSent.hasSubscribers ||
    bodyChunkSent.hasSubscribers ||
    bodySent.hasSubscribers ||
    headersReceived.hasSubscribers ||
    bodyChunkReceived.hasSubscribers ||
    trailersReceived.hasSubscribers ||
    failed.hasSubscribers
  );
}

/**
 * Whether code of the program may run while undici sends a request: a channel subscriber, or the source of the body.
 */
export function isObserved(body: unknown): boolean {
  return (typeof body === 'object' && body !== null && !ArrayBuffer.isView(body)) || hasSubscribers();
}

import { channel } from 'node:diagnostics_channel';

// Channels on which undici publishes the steps of a request.
const created = channel('undici:request:create');
const headersSent = channel('undici:client:sendHeaders');
const bodySent = channel('undici:request:bodySent');
const headersReceived = channel('undici:request:headers');
const trailersReceived = channel('undici:request:trailers');

/** Whether the program subscribes to the steps of undici's requests. */
export function hasSubscribers(): boolean {
  return (
    created.hasSubscribers ||
    headersSent.hasSubscribers ||
    bodySent.hasSubscribers ||
    headersReceived.hasSubscribers ||
    trailersReceived.hasSubscribers
  );
}

/** Whether code of the program may run while undici takes and writes a request: a subscriber or the source of a body. */
export function isObserved(body: unknown): boolean {
  return (typeof body === 'object' && body !== null && !ArrayBuffer.isView(body)) || hasSubscribers();
}

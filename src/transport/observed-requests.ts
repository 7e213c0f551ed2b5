import { channel } from 'node:diagnostics_channel';

/** Channels on which undici publishes the steps of a request. */
const channels = [
  'undici:request:create',
  'undici:client:sendHeaders',
  'undici:request:bodySent',
  'undici:request:headers',
  'undici:request:trailers',
].map((name) => channel(name));

/** Whether the program subscribes to the steps of undici's requests. */
export function hasSubscribers(): boolean {
  for (const { hasSubscribers: isSubscribed } of channels) if (isSubscribed) return true;
  return false;
}

/** Whether code of the program may run while undici takes and writes a request: a subscriber or the source of a body. */
export function isObserved(body: unknown): boolean {
  return (typeof body === 'object' && body !== null && !ArrayBuffer.isView(body)) || hasSubscribers();
}

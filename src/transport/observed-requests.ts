import { channel } from 'node:diagnostics_channel';

/** Channels on which undici publishes while it takes and writes a request. */
const channels = ['undici:request:create', 'undici:client:sendHeaders', 'undici:request:bodySent'].map(
  (name) => channel(name),
);

/**
 * Whether code of the program may run while undici takes and writes a request: a subscriber of undici's diagnostics
 * channels, or the source of a body that is not in memory.
 */
export function isObserved(body: unknown): boolean {
  if (typeof body === 'object' && body !== null && !ArrayBuffer.isView(body)) return true;
  for (const { hasSubscribers } of channels) if (hasSubscribers) return true;
  return false;
}

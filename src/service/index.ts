/**
 * `binding-clerk/service`: what a program does that is called by others. Puts the doors to the real world together;
 * everything else is in the files beside it.
 */
import { retry } from '../invoke/retry.js';
import { systemHashing } from '../runtime/hashing.js';
import { busyMs, hostAddresses, ownProcess } from '../runtime/own-process.js';
import { systemClock } from '../runtime/system.js';
import { httpPeer } from '../transport/json-client.js';
import type { Advertisement } from './advertisement.js';
import { Advertising } from './advertising.js';
import type { AdvertiseOptions } from './options.js';

export type { LoadInit } from '../core/load-report.js';
export type { Advertisement, AdvertisementState } from './advertisement.js';
export type { AdvertisementEvents } from './listeners.js';
export type { Place, ServerLike } from './listening.js';
export type { AdvertiseOptions } from './options.js';

const advertising = new Advertising({
  clock: systemClock,
  hashing: systemHashing,
  retry,
  process: ownProcess,
  connect: (url) => httpPeer(url, { clock: systemClock, tls: {} }),
  busyMs,
  hostAddresses,
});

/**
 * Tells the registry that this process runs a service, and goes on telling it for as long as the process lives. While
 * the registry cannot be reached it waits, and says so once; after a loss it registers again for ever. A service that a
 * launcher started takes its name, its registry and its ticket from there.
 *
 * At SIGTERM the service is drained first; then the process ends by that signal, unless the program listens for it too.
 * A program that closes its own server at SIGTERM should set `drainOnSignal: false` and await `drain()` before that.
 *
 * @example
 * ```ts
 * const server = createServer(handler).listen(0);
 * await advertise({ name: '/shop/orders', version: '2.1.0', address: server });
 * ```
 * @returns once the registration is durable
 * @throws a `ClerkError`: `CONFIG_INVALID`, `NAME_INVALID` for what cannot work; `NAME_MISMATCH` for another name than
 * the launcher's; `TICKET_REFUSED`, `FORBIDDEN` when the registry will not have it, or is not the one that launched it;
 * `ABORTED`
 */
export function advertise(options: AdvertiseOptions): Promise<Advertisement> {
  return advertising.advertise(options);
}

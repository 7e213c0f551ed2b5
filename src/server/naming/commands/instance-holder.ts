/**
 * Decides which process holds a live instance. Every client can read ids and epochs in lookups, so the holder proves
 * itself with the secret of its registration.
 *
 * @see [C5.8](../../../../docs/guarantees.md#c5-8)
 */
import { isLocal, parseAddress } from '../../../core/address.js';
import type { Hashing } from '../../../protocol/launch-proof.js';
import type { EndpointMessage } from '../../../protocol/lookup-messages.js';
import type { EndpointView } from '../state/naming-view.js';
import { endpointJson } from '../state/record-codec.js';
import type { DisplacedHolder } from '../state/records.js';

/** Share of the lease after which a renewal counts as missed. Services renew after at most 0.37 of their lease. */
const silentShare = 0.4;
/** Upper limit of the time after which a renewal counts as missed, in ms. The limit matters for leases over 25 s. */
const maxSilentMs = 10_000;
/** Share of the lease without a renewal after which the registry flags the holder as suspect. */
const overdueShare = 2 / 3;
/** Maximum delay of the suspect flag, in ms, for a lease of up to 10 s. */
const flagDelayMs = 1_500;

export function isHolder(
  hashing: Hashing,
  secretHash: string | undefined,
  secret: string | undefined,
): boolean {
  if (secretHash === undefined) return true;
  return secret !== undefined && hashing.timingSafeEqual(hashing.sha256(secret), secretHash);
}

interface MayHaveDisplaced {
  readonly displaced?: DisplacedHolder | undefined;
}

/** Returns the holder that a registration has replaced, while that holder may still take the instance back. */
export function validDisplacedHolder(
  { displaced }: MayHaveDisplaced,
  at: number,
): DisplacedHolder | undefined {
  return displaced !== undefined && at < displaced.until ? displaced : undefined;
}

export function isDisplacedHolder(
  hashing: Hashing,
  replacement: MayHaveDisplaced,
  { epoch, secret }: { readonly epoch: number; readonly secret?: string | undefined },
  at: number,
): boolean {
  const displaced = validDisplacedHolder(replacement, at);
  return displaced?.epoch === epoch && isHolder(hashing, displaced.secretHash, secret);
}

/** Whether two endpoints have the same addresses. Loopback addresses are equal only on the same host. */
export function isSamePlace({ json }: EndpointView, { addresses, hostId }: EndpointMessage): boolean {
  const registered = JSON.parse(endpointJson(json)) as EndpointMessage;
  const own = new Set(addresses);
  if (own.size !== new Set(registered.addresses).size) return false;
  if (!registered.addresses.every((address) => own.has(address))) return false;
  const isSameHost = hostId === undefined || registered.hostId === undefined || hostId === registered.hostId;
  return isSameHost || !addresses.every((address) => isLocal(parseAddress(address)));
}

/**
 * Returns when the holder last renewed its lease, on the monotonic clock. Returns `at` if the lease has not started.
 */
export function renewedAt({ expiresAt = 0, leaseMs }: EndpointView, at: number): number {
  return expiresAt === 0 ? at : expiresAt - leaseMs;
}

/**
 * Whether a holder is suspect and has missed a renewal. A holder that renews its lease in time cannot be replaced,
 * whatever clients report about it.
 */
export function isSilent(holder: EndpointView, at: number): boolean {
  const silentMs = Math.min(holder.leaseMs * silentShare, maxSilentMs);
  return holder.status === 'suspect' && at - renewedAt(holder, at) >= silentMs;
}

export function untilSilentMs(holder: EndpointView, at: number): number {
  const overdueAt = renewedAt(holder, at) + holder.leaseMs * overdueShare;
  return Math.ceil(Math.max(0, overdueAt - at) + flagDelayMs);
}

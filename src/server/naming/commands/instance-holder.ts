/**
 * Who holds a live instance. Ids and epochs are shown in lookups, so the holder proves itself with the secret of its
 * registration.
 *
 * @see [C5.8](../../../../docs/guarantees.md#c5-8)
 */
import { isLocal, parseAddress } from '../../../core/address.js';
import type { Hashing } from '../../../protocol/launch-proof.js';
import type { EndpointMessage } from '../../../protocol/lookup-messages.js';
import type { EndpointView } from '../state/naming-view.js';
import { endpointJson } from '../state/record-codec.js';
import type { DisplacedHolder } from '../state/records.js';

/** Share of the lease after which a holder has missed a renewal. Services renew after at most 0.37 of the lease. */
const silentShare = 0.4;
/** A suspect holder counts as silent after at most this time. */
const maxSilentMs = 10_000;
/** A holder is flagged as suspect after this share of its lease without a renewal. */
const overdueShare = 2 / 3;
/** For a lease of up to 10 s, the suspect flag is set at most this late. */
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

/** Returns the holder that this registration has replaced, if that holder may still take the instance back. */
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

/**
 * Whether an endpoint has the addresses of the registered endpoint. Addresses that lead only to their own host are
 * compared together with the host.
 */
export function isSamePlace({ json }: EndpointView, { addresses, hostId }: EndpointMessage): boolean {
  const registered = JSON.parse(endpointJson(json)) as EndpointMessage;
  const own = new Set(addresses);
  if (own.size !== new Set(registered.addresses).size) return false;
  if (!registered.addresses.every((address) => own.has(address))) return false;
  const isSameHost = hostId === undefined || registered.hostId === undefined || hostId === registered.hostId;
  return isSameHost || !addresses.every((address) => isLocal(parseAddress(address)));
}

/** Returns when the holder last renewed its lease, on the monotonic clock. A lease that has not begun begins `at`. */
export function renewedAt({ expiresAt = 0, leaseMs }: EndpointView, at: number): number {
  return expiresAt === 0 ? at : expiresAt - leaseMs;
}

/** Whether a holder is suspect and has missed a renewal. Reports of clients alone do not suffice. */
export function isSilent(holder: EndpointView, at: number): boolean {
  const silentMs = Math.min(holder.leaseMs * silentShare, maxSilentMs);
  return holder.status === 'suspect' && at - renewedAt(holder, at) >= silentMs;
}

export function untilSilentMs(holder: EndpointView, at: number): number {
  const overdueAt = renewedAt(holder, at) + holder.leaseMs * overdueShare;
  return Math.ceil(Math.max(0, overdueAt - at) + flagDelayMs);
}

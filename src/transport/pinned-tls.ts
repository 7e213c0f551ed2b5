import { connect, type ConnectionOptions } from 'node:tls';
import type { Address } from '../core/address.js';
import type { Clock } from '../core/clock.js';
import type { CheckedCredentials, KeyTools } from '../core/credentials.js';
import { ClerkError } from '../core/errors.js';
import type { KeyPin } from '../core/key-pin.js';
import { localhostLookup } from '../core/localhost-lookup.js';
import { pinOfPeer } from '../core/peer-pin.js';
import { readableTlsError } from '../core/tls-mismatch.js';
import type { ConnectPolicy } from '../core/transport.js';
import { checkedLookup, refusalOf } from './checked-lookup.js';
import type { Dial } from './connector.js';
import type { SessionCache } from './session-cache.js';

export interface PinnedDialOptions {
  readonly address: Address;
  /** Returns the accepted keys: the key of the peer, and its former key during a rotation. */
  readonly pins: () => readonly KeyPin[];
  readonly credentials: () => CheckedCredentials | undefined;
  readonly sessions: SessionCache;
  readonly keys: Pick<KeyTools, 'pinOf'>;
  readonly clock: Clock;
  readonly allowH2: boolean;
  readonly timeoutMs: number;
  /** Undefined: all addresses are allowed. */
  readonly addressPolicy?: ConnectPolicy | undefined;
}

/** Maximum age of a resumed TLS session, counted from its full handshake. Equals the lifetime of a ticket. */
const maxSessionMs = 300_000;
const keepAliveMs = 60_000;

/**
 * Opens TLS 1.3 connections to a peer with a known key. The peer must prove a pinned key in a full handshake, or
 * resume a session that began with such a proof. Otherwise the dial fails with `ENDPOINT_UNPROVEN`, and no byte of a
 * request is written.
 * @see [C7.3](../../docs/guarantees.md#c7-3), [Decision 087](../../docs/decisions/087-sessions-by-key.md)
 */
export function pinnedDial(options: PinnedDialOptions): Dial {
  return (_requested, callback) => {
    const { address, sessions, clock } = options;
    const refusal = refusalOf(options.addressPolicy, address);
    if (refusal !== undefined) {
      queueMicrotask(() => callback(refusal, null));
      return undefined;
    }
    const credentials = options.credentials();
    const own = credentials?.pin;
    const resumable = options.pins().find((pin) => sessions.get(own, pin, clock.now()) !== undefined);
    const resumed = resumable === undefined ? undefined : sessions.get(own, resumable, clock.now());
    const socket = connect(tlsOptions(options, credentials, resumed?.session));
    let proved: { readonly pin: KeyPin; readonly expiresAt: number } | undefined;
    let isSettled = false;
    const settle = (error: Error | null): void => {
      if (isSettled) return;
      isSettled = true;
      timer.cancel();
      if (error === null) callback(null, socket);
      else {
        // A refused session must not be offered again.
        if (resumable !== undefined) sessions.delete(own, resumable);
        socket.destroy();
        callback(readableTlsError(error, address.text), null);
      }
    };
    const timer = clock.setTimer(() => settle(timeoutError(options)), options.timeoutMs);
    timer.setRef(false);
    socket
      .setNoDelay(true)
      .setKeepAlive(true, keepAliveMs)
      .on('error', settle)
      .once('close', () => settle(closedError(address)))
      .once('secureConnect', () => {
        const isResumed = socket.isSessionReused();
        const peer = isResumed ? resumable : pinOfPeer(socket.getPeerX509Certificate(), options.keys);
        if (peer === undefined || !options.pins().includes(peer)) {
          settle(unprovenError(options, peer));
          return;
        }
        // A resumed session ends when the session of the full handshake would have ended.
        const expiresAt = isResumed ? resumed?.expiresAt : undefined;
        proved = { pin: peer, expiresAt: expiresAt ?? clock.now() + maxSessionMs };
        settle(null);
      })
      // In TLS 1.3, a server sends sessions after the handshake.
      .on('session', (session: Buffer) => {
        if (proved !== undefined) sessions.set(own, proved.pin, { session, expiresAt: proved.expiresAt });
      });
    return socket;
  };
}

function tlsOptions(
  { address, allowH2, addressPolicy }: PinnedDialOptions,
  credentials: CheckedCredentials | undefined,
  session: Buffer | undefined,
): ConnectionOptions {
  const { hostname, port, socketPath } = address;
  return {
    ...(socketPath === undefined ? { host: hostname, port } : { path: socketPath }),
    ...(addressPolicy
      ? { lookup: checkedLookup(addressPolicy, hostname) }
      : (localhostLookup(hostname) as Pick<ConnectionOptions, 'lookup'>)),
    ...(credentials && { key: credentials.key, cert: credentials.cert }),
    ...(session && { session }),
    servername: /^[0-9.]*$|:/.test(hostname) ? '' : hostname,
    ALPNProtocols: allowH2 ? ['http/1.1', 'h2'] : ['http/1.1'],
    minVersion: 'TLSv1.3',
    // The pin is checked instead of a chain of certificate authorities.
    rejectUnauthorized: false,
  };
}

function unprovenError({ address, pins }: PinnedDialOptions, got: KeyPin | undefined): ClerkError {
  return new ClerkError(
    'ENDPOINT_UNPROVEN',
    `${address.text} must prove the key ${pins().join(' or ') || 'of the endpoint'}; got ${got ?? 'no key'}. The request was not sent`,
  );
}

function timeoutError({ address, timeoutMs }: PinnedDialOptions): Error {
  return Object.assign(
    new Error(
      `No TLS connection to ${address.text} was established within ${String(Math.round(timeoutMs))} ms`,
    ),
    { code: 'UND_ERR_CONNECT_TIMEOUT' },
  );
}

function closedError({ text }: Address): Error {
  return Object.assign(new Error(`${text} closed the connection during the TLS handshake`), {
    code: 'ECONNRESET',
  });
}

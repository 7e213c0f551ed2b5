import type { LogSession } from '../../shared-log.js';
import { ClerkError } from '../../../core/errors.js';
import { EtcdError } from './etcd-error.js';
import type { EtcdGateway } from './etcd-gateway.js';
import type { EtcdKeys } from './etcd-keys.js';
import {
  firstOf,
  isAbsent,
  prefixEnd,
  putOf,
  rangeOf,
  keyOf,
  type RangeResponse,
  type TxnResponse,
} from './etcd-messages.js';

/**
 * Opens a session, which is a key with a lease. A session never ends before `ttlMs`. It may end later, because etcd
 * rounds leases up to seconds and restarts them when its leader changes.
 */
export async function openEtcdSession(
  gateway: EtcdGateway,
  keys: EtcdKeys,
  id: string,
  ttlMs: number,
): Promise<LogSession> {
  const granted = (await gateway.call('/lease/grant', { TTL: String(Math.ceil(ttlMs / 1_000)) })) as {
    ID?: string;
  };
  const lease = granted.ID;
  if (lease === undefined)
    throw new ClerkError(
      'REGISTRY_INVALID',
      `${gateway.subject} granted a lease without an identifier; check that host and port belong to etcd`,
    );
  const key = keys.sessions + id;
  const response = (await gateway.call('/kv/txn', {
    compare: [isAbsent(key)],
    success: [{ request_put: putOf(key, lease, lease) }],
    failure: [{ request_range: rangeOf(key) }],
  })) as TxnResponse;
  // A retried request finds the key that its first attempt created.
  const found = firstOf(response, 0);
  if (response.succeeded !== true && (found === undefined || found.lease !== lease)) {
    await revoke(gateway, lease);
    throw new ClerkError(
      'CONFIG_INVALID',
      `${gateway.subject} already has a session '${id}'; start the server again`,
    );
  }
  let isOpen = true;
  return {
    renew: async () => {
      if (!isOpen) return false;
      try {
        const { result } = (await gateway.call('/lease/keepalive', { ID: lease })) as {
          result?: { TTL?: string };
        };
        isOpen = Number(result?.TTL ?? 0) > 0;
      } catch (error) {
        if (!(error instanceof EtcdError) || error.kind !== 'lease') throw error;
        isOpen = false;
      }
      return isOpen;
    },
    close: async () => {
      isOpen = false;
      await revoke(gateway, lease);
    },
  };
}

export async function etcdSessions(gateway: EtcdGateway, keys: EtcdKeys): Promise<ReadonlySet<string>> {
  const { kvs = [] } = (await gateway.call(
    '/kv/range',
    rangeOf(keys.sessions, { end: prefixEnd(keys.sessions), keysOnly: true }),
  )) as RangeResponse;
  return new Set(kvs.map((pair) => keyOf(pair).slice(keys.sessions.length)));
}

async function revoke(gateway: EtcdGateway, lease: string): Promise<void> {
  try {
    await gateway.call('/lease/revoke', { ID: lease });
  } catch (error) {
    if (!(error instanceof EtcdError) || error.kind !== 'lease') throw error;
  }
}

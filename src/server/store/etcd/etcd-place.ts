import { ClerkError } from '../../../core/errors.js';
import { isObject } from '../../../core/is-object.js';
import { emptyLog } from '../../shared-log.js';
import { EtcdError } from './etcd-error.js';
import type { EtcdGateway } from './etcd-gateway.js';
import { encodePoint } from './etcd-head.js';
import type { EtcdKeys } from './etcd-keys.js';
import { firstOf, isAbsent, prefixEnd, putOf, rangeOf, textOf, type TxnResponse } from './etcd-messages.js';

/** Version of the layout of the keys. A release can read this and all earlier versions. */
const layout = 1;
const owner = 'binding-clerk';

/**
 * Initializes an empty prefix for a log. Checks that a prefix with keys contains a log.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when the prefix contains keys of another program; `REGISTRY_INVALID`
 *   when a later release wrote the log, or its key `head` is missing
 */
export async function claimPrefix(gateway: EtcdGateway, keys: EtcdKeys): Promise<void> {
  await refuseNestedPrefix(gateway, keys);
  const response = (await gateway.call('/kv/txn', {
    compare: [isAbsent(keys.prefix, prefixEnd(keys.prefix))],
    success: [
      { request_put: putOf(keys.mark, JSON.stringify({ owner, layout })) },
      { request_put: putOf(keys.head, encodePoint(emptyLog)) },
    ],
    failure: [{ request_range: rangeOf(keys.mark) }, { request_range: rangeOf(keys.head) }],
  })) as TxnResponse;
  if (response.succeeded === true) return;
  const [mark, head] = [firstOf(response, 0), firstOf(response, 1)];
  const { owner: found, layout: written } = markOf(mark && textOf(mark));
  if (found !== owner)
    throw new ClerkError(
      'CONFIG_INVALID',
      `${gateway.subject} has keys of another program below the prefix ${keys.prefix}; choose an unused prefix in the store URL`,
    );
  if (typeof written !== 'number' || written > layout)
    throw new ClerkError(
      'REGISTRY_INVALID',
      `${gateway.subject} was written by a later release of binding-clerk (layout ${String(written)}; this server supports up to ${String(layout)}); update this server`,
    );
  if (head === undefined)
    throw new ClerkError(
      'REGISTRY_INVALID',
      `${gateway.subject} has lost the key ${keys.head}; restore etcd from a backup, or choose another prefix and import the names`,
    );
}

/**
 * Rejects a prefix within the prefix of another log, because the logs would overwrite and remove keys of each other.
 */
async function refuseNestedPrefix(gateway: EtcdGateway, { prefix }: EtcdKeys): Promise<void> {
  const parents = [...prefix.matchAll(/\//g)].slice(1, -1).map(({ index }) => prefix.slice(0, index + 1));
  for (const parent of parents) {
    let found: { readonly kvs?: readonly { readonly key: string; readonly value?: string }[] };
    try {
      found = (await gateway.call('/kv/range', rangeOf(`${parent}mark`))) as typeof found;
    } catch (error) {
      // A user with access only to its own prefix cannot read the key of the other log. Skip the check of this prefix.
      if (error instanceof EtcdError && error.code === 'FORBIDDEN') continue;
      throw error;
    }
    const [mark] = found.kvs ?? [];
    if (mark !== undefined && markOf(textOf(mark)).owner === owner)
      throw new ClerkError(
        'CONFIG_INVALID',
        `${gateway.subject} has a prefix within ${parent}, which is the prefix of another registry; choose a prefix outside ${parent}`,
      );
  }
}

function markOf(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text ?? '');
    return isObject(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

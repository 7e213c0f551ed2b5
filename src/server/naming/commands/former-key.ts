/** After a key rotation, a registration also shows the former key until that key is retired. */
import { definedFields } from '../../../core/defined-fields.js';
import type { KeyPin } from '../../../core/key-pin.js';
import type { EndpointMessage } from '../../../protocol/lookup-messages.js';
import { isLive } from '../state/identity-view.js';
import type { EndpointView, NamingView } from '../state/naming-view.js';
import { encodeEndpoint, endpointJson, secretHashOf } from '../state/record-codec.js';
import type { EndpointRecord, StateChange } from '../state/records.js';
import type { Plan, PlanContext } from './naming-command.js';

/** Removes retired and revoked former keys from the registrations of a principal. */
export function retireFormerKeys(view: NamingView, principal: string, { wallNow }: PlanContext): Plan {
  const now = wallNow();
  const hasEnded = (pin: KeyPin): boolean => {
    const key = view.identities.key(pin);
    return key === undefined || !isLive(key, now);
  };
  return { changes: [...formerKeyRemovals(view, principal, hasEnded)], appliesInMs: 0 };
}

export function* formerKeyRemovals(
  view: NamingView,
  principal: string,
  isMeant: (formerKey: KeyPin, key: KeyPin | undefined) => boolean,
): IterableIterator<StateChange> {
  for (const [name, registration] of view.registrationsOf(principal)) {
    const { id, json } = registration;
    if (!mayHaveFormerKey(json)) continue;
    const { formerKey, ...endpoint } = JSON.parse(endpointJson(json)) as EndpointMessage;
    if (formerKey === undefined || !isMeant(formerKey, endpoint.key)) continue;
    yield { kind: 'endpoint', name, id, record: recordOf(registration, endpoint) };
  }
}

/** A fast check before the JSON is parsed. An attribute that contains this text causes a false positive. */
export function mayHaveFormerKey(recordJson: string): boolean {
  return recordJson.includes('"formerKey":');
}

function recordOf(
  { id, epoch, leaseMs, draining, principal, displaced, json }: EndpointView,
  endpoint: EndpointMessage,
): EndpointRecord {
  return {
    ...{ id, epoch, leaseMs, draining, principal, addresses: endpoint.addresses },
    json: encodeEndpoint(secretHashOf(json), principal, endpoint),
    ...definedFields({ displaced }),
  };
}

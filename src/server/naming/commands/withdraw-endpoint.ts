import { definedFields } from '../../../core/defined-fields.js';
import { quote } from '../../../core/describe-value.js';
import { ClerkError } from '../../../core/errors.js';
import { parseName } from '../../../core/name.js';
import type { EndpointMessage } from '../../../protocol/lookup-messages.js';
import type { WithdrawRequest } from '../../../protocol/registration-messages.js';
import type { EndpointView, NamingView } from '../state/naming-view.js';
import { encodeEndpoint, endpointJson, isStarting, secretHashOf } from '../state/record-codec.js';
import type { EndpointRecord } from '../state/records.js';
import { fenceOf, fenceOff, supersededError } from './fencing.js';
import { isHolder } from './instance-holder.js';
import { requireOwner } from './registration-owner.js';
import { serviceNameOf } from './service-name.js';
import { noChange, type NamingCommand, type Plan, type PlanContext } from './naming-command.js';

/**
 * Withdraws an endpoint. Removes the endpoint at once if the request has `now`, or if the endpoint is starting.
 * Otherwise the endpoint drains until no client uses a lookup from before the withdrawal. If the endpoint was removed
 * before the request, its fence rejects later registrations with `request.epoch`.
 *
 * @throws {@link ClerkError} `FORBIDDEN` when the registration has another secret or another epoch
 */
export function withdraw(
  view: NamingView,
  { request, caller }: Extract<NamingCommand, { readonly kind: 'withdraw' }>,
  { hashing }: PlanContext,
): Plan {
  const name = serviceNameOf(view, parseName(request.name), request, hashing);
  const { id, epoch } = request;
  const checkSecret = (secretHash: string | undefined): void => {
    if (caller !== undefined && !isHolder(hashing, secretHash, request.secret))
      throw secretError(name, request);
  };
  const current = view.endpoint(name, id);
  if (caller !== undefined) requireOwner(view, caller, name, request.name, id, current);
  if (current === undefined) {
    const fence = view.fences(name).get(id);
    if (fence !== undefined && fence.epoch > epoch) throw supersededError(name, id, fence.epoch);
    if (fence?.epoch !== epoch || fence.withdrawn) return noChange;
    checkSecret(fence.secretHash);
    const { principal } = fence;
    const removed = { id, epoch, withdrawn: true, ...definedFields({ principal }) };
    return { changes: fenceOff(view, name, [removed]), appliesInMs: 0, name };
  }
  if (current.epoch > epoch) throw supersededError(name, id, current.epoch);
  if (current.epoch < epoch)
    throw new ClerkError(
      'FORBIDDEN',
      `The epoch of instance ${quote(id)} of ${name} must be ${current.epoch}, the epoch of its registration; got ${epoch}`,
    );
  checkSecret(secretHashOf(current.json));
  if (request.now === true || isStarting(current.json))
    return {
      changes: [
        { kind: 'endpoint', name, id, record: undefined },
        ...fenceOff(view, name, [{ id, ...fenceOf(current, true) }]),
      ],
      appliesInMs: 0,
      name,
    };
  if (current.draining) return { ...noChange, name };
  return {
    changes: [{ kind: 'endpoint', name, id, record: drainingRecord(current) }],
    appliesInMs: 0,
    name,
  };
}

function secretError(name: string, { id, secret }: WithdrawRequest): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `The withdrawal of instance ${quote(id)} of ${name} must have the secret that the registration returned; got ${secret === undefined ? 'none' : 'another secret'}`,
  );
}

function drainingRecord(current: EndpointView): EndpointRecord {
  const { id, epoch, leaseMs, principal, displaced } = current;
  const endpoint = JSON.parse(endpointJson(current.json)) as EndpointMessage;
  const { addresses } = endpoint;
  const json = encodeEndpoint(secretHashOf(current.json), principal, { ...endpoint, state: 'draining' });
  return {
    ...{ id, epoch, leaseMs, draining: true, principal, addresses, json },
    ...definedFields({ displaced }),
  };
}

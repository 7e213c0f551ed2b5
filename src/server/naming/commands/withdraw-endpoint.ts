import { quote } from '../../../core/describe-value.js';
import { ClerkError } from '../../../core/errors.js';
import { parseName } from '../../../core/name.js';
import type { EndpointMessage, WithdrawRequest } from '../../../protocol/messages.js';
import type { EndpointView, NamingView } from '../state/naming-view.js';
import { encodeEndpoint, endpointJson } from '../state/record-codec.js';
import type { EndpointRecord } from '../state/records.js';
import { resolveLinks } from '../state/resolve-links.js';
import { fenceOff, supersededError } from './fencing.js';
import { noChange, type Plan } from './naming-command.js';

/**
 * Withdraws an endpoint. With `now`, the endpoint is removed at once. Otherwise the endpoint drains until no client
 * uses an older lookup. If the endpoint is not registered, a fence rejects a later registration with `request.epoch`.
 */
export function withdraw(view: NamingView, request: WithdrawRequest): Plan {
  const name = resolveLinks(view, parseName(request.name)).canonical;
  const { id, epoch } = request;
  const current = view.endpoint(name, id);
  if (current === undefined) {
    const counter = view.counter(name);
    const fence = view.fences(name).get(id);
    if (fence !== undefined && fence.epoch > epoch) throw supersededError(name, id, fence.epoch);
    const isFenced = fence === undefined ? epoch <= (counter?.floor ?? 0) : fence.withdrawn;
    if (counter === undefined || epoch > counter.epoch || isFenced) return noChange;
    return { changes: fenceOff(view, name, [{ id, epoch, withdrawn: true }]), appliesInMs: 0, name };
  }
  if (current.epoch > epoch) throw supersededError(name, id, current.epoch);
  if (current.epoch < epoch)
    throw new ClerkError(
      'FORBIDDEN',
      `The epoch of instance ${quote(id)} of ${name} must be ${current.epoch}, the epoch of its registration; got ${epoch}`,
    );
  if (request.now === true)
    return {
      changes: [
        { kind: 'endpoint', name, id, record: undefined },
        ...fenceOff(view, name, [{ id, epoch, withdrawn: true }]),
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

function drainingRecord({ id, epoch, leaseMs, principal, json }: EndpointView): EndpointRecord {
  const endpoint = JSON.parse(endpointJson(json)) as EndpointMessage;
  const next: EndpointMessage = { ...endpoint, state: 'draining' };
  const { addresses } = endpoint;
  return { id, epoch, leaseMs, draining: true, principal, addresses, json: encodeEndpoint(principal, next) };
}

/** Commands of services: here I am, I am leaving; and what time says of those that say nothing. @see promises C5.1, C5.6 */
import { toEndpoint } from '../../../core/endpoint.js';
import { ClerkError } from '../../../core/errors.js';
import { parseName } from '../../../core/name.js';
import { quote } from '../../../core/describe-value.js';
import { limits } from '../../../protocol/limits.js';
import type { RegisterRequest, EndpointMessage, WithdrawRequest } from '../../../protocol/messages.js';
import type { Caller } from '../../ports.js';
import { checkLease } from './validate-command.js';
import {
  noChange,
  type EndpointRef,
  type StatusChange,
  type Plan,
  type PlanContext,
} from './naming-command.js';
import { assignEpoch, fenceOff } from './fencing.js';
import { redeemTicket } from './launches.js';
import { encodeEndpoint, endpointJson, type StateChange, type EndpointRecord } from '../state/records.js';
import { implicitService } from './entries.js';
import type { EndpointView, NamingView } from '../state/naming-view.js';
import { resolveLinks } from '../state/resolve-links.js';

/** Registers an endpoint, or changes what it said of itself. */
export function register(
  view: NamingView,
  request: RegisterRequest,
  { principal }: Caller,
  context: PlanContext,
): Plan {
  const requestedName = parseName(request.name);
  const leaseMs = checkLease(request.leaseMs ?? limits.defaultLeaseMs);
  const endpoint = checkEndpoint(request, leaseMs);
  const { id } = endpoint;
  const name = resolveLinks(view, requestedName).canonical;
  const entry = view.entry(name);
  if (entry !== undefined && entry.kind !== 'service')
    throw new ClerkError('FORBIDDEN', `${name} is a ${entry.kind}; an endpoint needs a service`);
  const launch =
    request.ticket === undefined ? undefined : redeemTicket(view, request, name, context.hashing);
  const before = view.endpoint(name, id);
  checkQuotas(view, name, principal, before, context);
  const { epoch, changes: epochChanges } = assignEpoch(view, name, id, request.epoch, launch !== undefined);

  const changes: StateChange[] = [];
  if (entry === undefined) changes.push({ kind: 'entry', name, record: implicitService });
  else if (entry.pending?.kind === 'vanish') {
    const { pending: _, ...record } = entry;
    changes.push({ kind: 'entry', name, record });
  }
  const text = encodeEndpoint(principal, { ...endpoint, epoch });
  const { addresses } = endpoint;
  changes.push(...epochChanges, {
    kind: 'endpoint',
    name,
    id,
    record: { id, epoch, leaseMs, draining: false, principal: principal, addresses, json: text },
  });
  if (launch !== undefined)
    changes.push({ kind: 'launch', name: launch.record.name, id, record: launch.record });
  return { changes, inMs: 0, epoch, leaseMs, name, ...(launch && { proof: launch.proof }) };
}

/** An endpoint leaves: it drains until nobody can still hold it, or goes at once. */
export function withdraw(view: NamingView, request: WithdrawRequest): Plan {
  const name = resolveLinks(view, parseName(request.name)).canonical;
  const { id, epoch } = request;
  const live = view.endpoint(name, id);
  if (live === undefined) {
    const counter = view.counter(name);
    const fence = view.fence(name, id);
    if (fence !== undefined && fence.epoch > epoch) throw supersededError(name, id, fence.epoch);
    const isBarred = fence === undefined ? epoch <= (counter?.floor ?? 0) : fence.withdrawn;
    if (counter === undefined || epoch > counter.epoch || isBarred) return noChange;
    // Its lease has ended, and it must not come back.
    return { changes: fenceOff(view, name, [{ id, epoch, withdrawn: true }]), inMs: 0, name };
  }
  if (live.epoch > epoch) throw supersededError(name, id, live.epoch);
  if (live.epoch < epoch)
    throw new ClerkError('FORBIDDEN', `The instance ${quote(id)} of ${name} never had the epoch ${epoch}`);
  if (request.now === true)
    return {
      changes: [
        { kind: 'endpoint', name, id, record: undefined },
        ...fenceOff(view, name, [{ id, epoch, withdrawn: true }]),
      ],
      inMs: 0,
      name,
    };
  if (live.draining) return { ...noChange, name };
  return { changes: [{ kind: 'endpoint', name, id, record: drainingRecord(live) }], inMs: 0, name };
}

/** Removes endpoints whose time is over, if they are still those that were meant. */
export function expireEndpoints(view: NamingView, endpoints: readonly EndpointRef[]): Plan {
  const byName = new Map<string, { id: string; epoch: number; withdrawn: boolean }[]>();
  const changes: StateChange[] = [];
  for (const { name, id, epoch } of endpoints) {
    const live = view.endpoint(name, id);
    if (live?.epoch !== epoch) continue;
    changes.push({ kind: 'endpoint', name, id, record: undefined });
    const list = byName.get(name) ?? [];
    byName.set(name, list);
    list.push({ id, epoch, withdrawn: live.draining });
  }
  for (const [name, gone] of byName) changes.push(...fenceOff(view, name, gone));
  return { changes, inMs: 0 };
}

/** Marks endpoints, if they are still those that were meant. One that drains is on its way already. */
export function setStatuses(view: NamingView, marks: readonly StatusChange[]): Plan {
  const changes: StateChange[] = [];
  for (const { name, id, epoch, status } of marks) {
    const live = view.endpoint(name, id);
    if (live?.epoch === epoch && !live.draining) changes.push({ kind: 'mark', name, id, epoch, status });
  }
  return { changes, inMs: 0 };
}

function checkEndpoint(request: RegisterRequest, leaseMs: number): EndpointMessage {
  const { id, addresses, host, zone, version, weight, attributes } = request;
  // Here an id is never left to a default: it is what the lease hangs on.
  if (typeof (id as unknown) !== 'string')
    throw new ClerkError('CONFIG_INVALID', `The registration of ${request.name} has no id`);
  const endpoint = toEndpoint(
    {
      id,
      addresses,
      ...(host !== null && { host }),
      ...(zone !== null && { zone }),
      ...(version !== null && { version }),
      weight,
      attributes,
    },
    request.name,
  );
  return {
    id,
    epoch: 0,
    addresses: endpoint.addresses,
    host: endpoint.host ?? null,
    zone: endpoint.zone ?? null,
    version: endpoint.version ?? null,
    weight: endpoint.weight,
    attributes: endpoint.attributes,
    leaseMs,
    state: 'up',
  };
}

function checkQuotas(
  view: NamingView,
  name: string,
  principal: string,
  before: EndpointView | undefined,
  { maxEndpoints, maxRegistrations }: PlanContext,
): void {
  if (before === undefined && view.endpointCount(name) >= maxEndpoints)
    throw new ClerkError('LIMIT_EXCEEDED', `${name} has ${maxEndpoints} endpoints, which is the most`);
  if (before?.principal !== principal && view.registrationCount(principal) >= maxRegistrations)
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      `${maxRegistrations} endpoints were registered by ${principal}, which is the most; withdraw some first`,
    );
}

function drainingRecord({ id, epoch, leaseMs, principal, json }: EndpointView): EndpointRecord {
  const endpoint = JSON.parse(endpointJson(json)) as EndpointMessage;
  const next: EndpointMessage = { ...endpoint, state: 'draining' };
  const { addresses } = endpoint;
  return { id, epoch, leaseMs, draining: true, principal, addresses, json: encodeEndpoint(principal, next) };
}

function supersededError(name: string, id: string, epoch: number): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `A newer registration of ${quote(id)} of ${name}, epoch ${epoch}, took its place`,
  );
}

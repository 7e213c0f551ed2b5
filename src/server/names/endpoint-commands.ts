/** Commands of services: here I am, I am leaving; and what time says of those that say nothing. @see promises C5.1, C5.6 */
import { toEndpoint } from '../../core/endpoint.js';
import { ClerkError } from '../../core/errors.js';
import { parseName } from '../../core/name.js';
import { shown } from '../../core/shown.js';
import { limits } from '../../wire/limits.js';
import type { RegisterRequest, WireEndpoint, WithdrawRequest } from '../../wire/messages.js';
import type { Caller } from '../ports.js';
import { checkedLease } from './checking.js';
import { unchanged, type Dropped, type Mark, type Planned, type Surroundings } from './command.js';
import { admitted, fenced } from './fencing.js';
import { redeemed } from './launch-commands.js';
import { endpointText, shownPart, type Change, type EndpointRecord } from './records.js';
import { plainService } from './structure.js';
import type { EndpointView, View } from './view.js';
import { walk } from './walk.js';

/** Registers an endpoint, or changes what it said of itself. */
export function register(
  view: View,
  request: RegisterRequest,
  { principal }: Caller,
  surroundings: Surroundings,
): Planned {
  const asked = parseName(request.name);
  const leaseMs = checkedLease(request.leaseMs ?? limits.defaultLeaseMs);
  const shownEndpoint = checkedEndpoint(request, leaseMs);
  const { id } = shownEndpoint;
  const name = walk(view, asked).canonical;
  const entry = view.entry(name);
  if (entry !== undefined && entry.kind !== 'service')
    throw new ClerkError('FORBIDDEN', `${name} is a ${entry.kind}; an endpoint needs a service`);
  const launch =
    request.ticket === undefined ? undefined : redeemed(view, request, name, surroundings.hashing);
  const before = view.endpoint(name, id);
  refuseOverLimit(view, name, principal, before, surroundings);
  const { epoch, changes: numbering } = admitted(view, name, id, request.epoch, launch !== undefined);

  const changes: Change[] = [];
  if (entry === undefined) changes.push({ kind: 'entry', name, record: plainService });
  else if (entry.pending?.kind === 'vanish') {
    const { pending: _, ...record } = entry;
    changes.push({ kind: 'entry', name, record });
  }
  const text = endpointText(principal, { ...shownEndpoint, epoch });
  const { addresses } = shownEndpoint;
  changes.push(...numbering, {
    kind: 'endpoint',
    name,
    id,
    record: { id, epoch, leaseMs, draining: false, by: principal, addresses, text },
  });
  if (launch !== undefined)
    changes.push({ kind: 'launch', name: launch.record.name, id, record: launch.record });
  return { changes, inMs: 0, epoch, leaseMs, name, ...(launch && { proof: launch.proof }) };
}

/** An endpoint leaves: it drains until nobody can still hold it, or goes at once. */
export function withdraw(view: View, request: WithdrawRequest): Planned {
  const name = walk(view, parseName(request.name)).canonical;
  const { id, epoch } = request;
  const live = view.endpoint(name, id);
  if (live === undefined) {
    const counter = view.counter(name);
    const fence = view.fence(name, id);
    if (fence !== undefined && fence.epoch > epoch) throw newer(name, id, fence.epoch);
    const isBarred = fence === undefined ? epoch <= (counter?.floor ?? 0) : fence.withdrawn;
    if (counter === undefined || epoch > counter.epoch || isBarred) return unchanged;
    // Its lease has ended, and it must not come back.
    return { changes: fenced(view, name, [{ id, epoch, withdrawn: true }]), inMs: 0, name };
  }
  if (live.epoch > epoch) throw newer(name, id, live.epoch);
  if (live.epoch < epoch)
    throw new ClerkError('FORBIDDEN', `The instance ${shown(id)} of ${name} never had the epoch ${epoch}`);
  if (request.now === true)
    return {
      changes: [
        { kind: 'endpoint', name, id, record: undefined },
        ...fenced(view, name, [{ id, epoch, withdrawn: true }]),
      ],
      inMs: 0,
      name,
    };
  if (live.draining) return { ...unchanged, name };
  return { changes: [{ kind: 'endpoint', name, id, record: draining(live) }], inMs: 0, name };
}

/** Removes endpoints whose time is over, if they are still those that were meant. */
export function drop(view: View, endpoints: readonly Dropped[]): Planned {
  const byName = new Map<string, { id: string; epoch: number; withdrawn: boolean }[]>();
  const changes: Change[] = [];
  for (const { name, id, epoch } of endpoints) {
    const live = view.endpoint(name, id);
    if (live?.epoch !== epoch) continue;
    changes.push({ kind: 'endpoint', name, id, record: undefined });
    const list = byName.get(name) ?? [];
    byName.set(name, list);
    list.push({ id, epoch, withdrawn: live.draining });
  }
  for (const [name, gone] of byName) changes.push(...fenced(view, name, gone));
  return { changes, inMs: 0 };
}

/** Marks endpoints, if they are still those that were meant. One that drains is on its way already. */
export function mark(view: View, marks: readonly Mark[]): Planned {
  const changes: Change[] = [];
  for (const { name, id, epoch, standing } of marks) {
    const live = view.endpoint(name, id);
    if (live?.epoch === epoch && !live.draining) changes.push({ kind: 'mark', name, id, epoch, standing });
  }
  return { changes, inMs: 0 };
}

function checkedEndpoint(request: RegisterRequest, leaseMs: number): WireEndpoint {
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

function refuseOverLimit(
  view: View,
  name: string,
  principal: string,
  before: EndpointView | undefined,
  { mostEndpoints, mostRegistrations }: Surroundings,
): void {
  if (before === undefined && view.endpointCount(name) >= mostEndpoints)
    throw new ClerkError('LIMIT', `${name} has ${mostEndpoints} endpoints, which is the most`);
  if (before?.by !== principal && view.registrations(principal) >= mostRegistrations)
    throw new ClerkError(
      'LIMIT',
      `${mostRegistrations} endpoints were registered by ${principal}, which is the most; withdraw some first`,
    );
}

function draining({ id, epoch, leaseMs, by, text }: EndpointView): EndpointRecord {
  const endpoint = JSON.parse(shownPart(text)) as WireEndpoint;
  const next: WireEndpoint = { ...endpoint, state: 'draining' };
  const { addresses } = endpoint;
  return { id, epoch, leaseMs, draining: true, by, addresses, text: endpointText(by, next) };
}

function newer(name: string, id: string, epoch: number): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `A newer registration of ${shown(id)} of ${name}, epoch ${epoch}, took its place`,
  );
}

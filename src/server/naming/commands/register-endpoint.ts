import { definedFields } from '../../../core/defined-fields.js';
import { quote } from '../../../core/describe-value.js';
import { linkLocal, refusedKind } from '../../../core/address-policy.js';
import { parseAddress } from '../../../core/address.js';
import { toEndpoint } from '../../../core/endpoint.js';
import { ClerkError } from '../../../core/errors.js';
import { parseName } from '../../../core/name.js';
import { limits } from '../../../protocol/limits.js';
import type { EndpointMessage } from '../../../protocol/lookup-messages.js';
import type { RegisterRequest } from '../../../protocol/registration-messages.js';
import type { Caller } from '../../ports.js';
import type { EndpointView, NamingView } from '../state/naming-view.js';
import { isLive } from '../state/identity-view.js';
import { encodeEndpoint, endpointBytes, endpointJson } from '../state/record-codec.js';
import type { StateChange } from '../state/records.js';
import { followMoves, tryResolveLinks } from '../state/resolve-links.js';
import { serviceNameOf } from './service-name.js';
import { implicitService } from './define-entry.js';
import { assignEpoch } from './assign-epoch.js';
import type { NamingCommand, Plan, PlanContext } from './naming-command.js';
import { redeemTicket } from './redeem-ticket.js';
import { checkLaunchedEpoch, requireOwner } from './registration-owner.js';
import { checkLease } from './validate-command.js';

/**
 * Registers an endpoint, or updates the registration of the instance with the same id. Creates a missing service.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when the lease, the endpoint or the epoch is invalid
 * @throws {@link ClerkError} `LIMIT_EXCEEDED` when the service or the principal has too many endpoints
 * @throws {@link ClerkError} `FORBIDDEN` when the name is a link or a directory, or {@link assignEpoch} refuses the epoch
 * @throws {@link ClerkError} `TICKET_REFUSED` or `NAME_MISMATCH` when the ticket is not valid for this registration
 * @see [C5.1](../../../../docs/guarantees.md#c5-1), [C5.6](../../../../docs/guarantees.md#c5-6)
 */
export function register(
  view: NamingView,
  { request, caller, newSecret, isOwn = false }: Extract<NamingCommand, { readonly kind: 'register' }>,
  context: PlanContext,
): Plan {
  const { principal } = caller;
  const requestedName = parseName(request.name);
  const leaseMs = checkLease(request.leaseMs ?? limits.defaultLeaseMs);
  const endpoint = checkEndpoint(request, leaseMs);
  const { id, addresses } = endpoint;
  const name = serviceNameOf(view, requestedName, request, context.hashing);
  const before = view.endpoint(name, id);
  if (!isOwn) requireOwner(view, caller, name, requestedName, id, before);
  checkLaunchedEpoch(caller, request, requestedName);
  const entry = view.entry(name);
  if (entry !== undefined && entry.kind !== 'service')
    throw new ClerkError(
      'FORBIDDEN',
      `${name} is a ${entry.kind} and cannot have endpoints; register under the name of a service`,
    );
  const launch =
    request.ticket === undefined ? undefined : redeemTicket(view, request, name, caller.pin, context.hashing);
  checkQuotas(view, name, principal, before, context);
  const isLaunched = launch !== undefined;
  const claim = { name, request, endpoint, isLaunched, newSecret };
  const { epoch, secret, secretHash, displaced, changes: epochChanges } = assignEpoch(view, claim, context);

  const changes: StateChange[] = [];
  if (entry === undefined) changes.push({ kind: 'entry', name, record: implicitService });
  else if (entry.pending?.kind === 'expire') {
    const { pending: _, ...record } = entry;
    changes.push({ kind: 'entry', name, record });
  }
  const json = encodeEndpoint(secretHash, principal, {
    ...endpoint,
    epoch,
    ...keyFields(view, caller, before, context),
  });
  checkSize(view, name, id, json, before);
  changes.push(...epochChanges, {
    kind: 'endpoint',
    name,
    id,
    record: {
      id,
      epoch,
      leaseMs,
      draining: false,
      principal,
      addresses,
      json,
      requestedName,
      ...definedFields({ displaced, countsCalls: request.countsCalls }),
    },
  });
  if (context.server !== undefined) changes.push({ kind: 'holder', name, id, server: context.server });
  if (launch !== undefined)
    changes.push({ kind: 'launch', name: launch.record.name, id, record: launch.record });
  const presentName = followMoves(view, requestedName);
  const isRenamed = presentName !== requestedName || tryResolveLinks(view, requestedName)?.canonical !== name;
  return {
    ...{ changes, appliesInMs: 0, epoch, secret, leaseMs, name },
    ...(isRenamed && { presentName: presentName === requestedName ? name : presentName }),
    ...(launch && { proof: launch.proof }),
  };
}

function keyFields(
  { identities }: NamingView,
  { principal, pin: key, cert }: Caller,
  before: EndpointView | undefined,
  { wallNow }: PlanContext,
): Pick<EndpointMessage, 'key' | 'formerKey' | 'cert'> {
  if (key === undefined) return {};
  const earlier = before === undefined ? undefined : endpointOf(before);
  const formerKey = earlier?.key === key ? earlier.formerKey : earlier?.key;
  const former = formerKey === undefined ? undefined : identities.key(formerKey);
  const isFormerLive = former?.principal === principal && isLive(former, wallNow());
  return { key, ...(isFormerLive && { formerKey: former.pin }), ...definedFields({ cert }) };
}

function endpointOf({ json }: EndpointView): EndpointMessage {
  return JSON.parse(endpointJson(json)) as EndpointMessage;
}

function checkEndpoint(request: RegisterRequest, leaseMs: number): EndpointMessage {
  const { id, addresses, enumeratedAddresses, namesInstance, hostId } = request;
  const { host, zone, version, weight, attributes } = request;
  // The check is here because `toEndpoint` uses the address as the id when there is none.
  if (typeof (id as unknown) !== 'string')
    throw new ClerkError(
      'CONFIG_INVALID',
      `The id of a registration of ${request.name} must be a string; got ${quote(id)}`,
    );
  const endpoint = toEndpoint(
    {
      id,
      addresses,
      weight,
      attributes,
      ...definedFields({ enumeratedAddresses, namesInstance, hostId }),
      ...definedFields({ host: host ?? undefined, zone: zone ?? undefined, version: version ?? undefined }),
    },
    request.name,
  );
  checkAddresses(endpoint.addresses, request.name);
  return {
    id,
    epoch: 0,
    addresses: endpoint.addresses,
    ...(endpoint.enumeratedAddresses.length > 0 && { enumeratedAddresses: endpoint.enumeratedAddresses }),
    ...(endpoint.namesInstance && { namesInstance: true }),
    host: endpoint.host ?? null,
    ...(endpoint.hostId !== undefined && { hostId: endpoint.hostId }),
    zone: endpoint.zone ?? null,
    version: endpoint.version ?? null,
    weight: endpoint.weight,
    attributes: endpoint.attributes,
    leaseMs,
    state: request.state ?? 'up',
  };
}

/**
 * @throws {@link ClerkError} `LIMIT_EXCEEDED` when the endpoint, or a lookup of the service, would be too large for
 *   clients to read
 */
function checkSize(
  view: NamingView,
  name: string,
  id: string,
  json: string,
  before: EndpointView | undefined,
): void {
  const bytes = Buffer.byteLength(endpointJson(json));
  if (bytes > limits.maxEndpointBytes)
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      `An endpoint must have at most ${limits.maxEndpointBytes} bytes of JSON, attributes included; instance ${quote(id)} of ${name} has ${bytes}; use fewer or shorter attributes`,
    );
  const added = endpointBytes(id, json) - (before === undefined ? 0 : endpointBytes(id, before.json));
  const total = view.endpointBytes(name) + added;
  if (added > 0 && total > limits.maxServiceBytes)
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      `The endpoints of ${name} together must have at most ${limits.maxServiceBytes} bytes of JSON, so that clients can read a lookup; with instance ${quote(id)} they would have up to ${total}; withdraw an endpoint, or use fewer attributes`,
    );
}

/**
 * Rejects unspecified addresses and cloud metadata addresses, because no service runs there. Accepts link-local
 * addresses, which each client may allow or refuse.
 */
function checkAddresses(addresses: readonly string[], name: string): void {
  for (const text of addresses) {
    const kind = refusedKind(parseAddress(text).hostname);
    if (kind === undefined || kind === linkLocal) continue;
    throw new ClerkError(
      'CONFIG_INVALID',
      `The address ${text} of ${name} must be an address of the service; got ${kind}; register an address of the host of the service`,
    );
  }
}

function checkQuotas(
  view: NamingView,
  name: string,
  principal: string,
  before: EndpointView | undefined,
  { maxEndpoints, maxRegistrations }: PlanContext,
): void {
  if (before === undefined && view.endpointCount(name) >= maxEndpoints)
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      `${name} has ${maxEndpoints} endpoints, which is the maximum; withdraw an endpoint first`,
    );
  if (before?.principal !== principal && view.registrationCount(principal) >= maxRegistrations)
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      `Principal ${principal} has registered ${maxRegistrations} endpoints, which is the maximum; withdraw an endpoint first, or raise the limit with --max-registrations`,
    );
}

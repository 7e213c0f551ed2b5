import type { InstanceKeyMessage, TicketResponse } from '../../protocol/identity-messages.js';
import * as schemas from '../../protocol/identity-schemas.js';
import type { EndpointMessage } from '../../protocol/lookup-messages.js';
import { paths } from '../../protocol/paths.js';
import { changeResponse } from '../../protocol/response-schemas.js';
import { definedFields } from '../../core/defined-fields.js';
import type { KeyPin } from '../../core/key-pin.js';
import { route, type Route, type RouteContext } from './routes.js';

type Secured = NonNullable<RouteContext['secured']>;

/** Returns the parts that only a secured server has. The routes of this file exist on no other server. */
function requireSecured({ secured }: RouteContext): Secured {
  if (secured === undefined) throw new Error('The server has no keys');
  return secured;
}

/**
 * Issues a ticket for the client key of the connection. The error for a hidden name is the same as for an absent
 * name.
 */
async function issueTicket(name: string, context: RouteContext): Promise<TicketResponse> {
  const { security, rights } = requireSecured(context);
  const { queries, caller } = context;
  // The lookup rejects names that the caller may not read.
  const { canonical, endpoints, incarnation } = queries.resolve(name);
  rights.require(canonical, 'call');
  const issued = await security.issuer.issue({
    principal: caller.principal,
    clientPin: caller.pin as KeyPin,
    service: canonical,
    rights: rights.rightsOn(canonical),
    incarnation,
  });
  return { ...issued, service: canonical, instances: endpoints.flatMap(instanceKeyOf) };
}

function instanceKeyOf({ id, epoch, key, formerKey, cert }: EndpointMessage): readonly InstanceKeyMessage[] {
  return key === undefined ? [] : [{ id, epoch, key, ...definedFields({ formerKey, cert }) }];
}

/** Routes about keys, tickets and rights. */
export const identityRoutes: readonly Route[] = Object.freeze([
  route({
    method: 'POST',
    path: paths.tickets,
    summary: 'Issues a ticket for one service, and returns the keys of its instances',
    requestSchema: schemas.ticketRequest,
    errorCodes: ['NAME_INVALID', 'NAME_NOT_FOUND', 'FORBIDDEN'],
    responseSchema: schemas.ticketResponse,
    run: ({ service }, context) => issueTicket(service, context),
  }),
  route({
    method: 'POST',
    path: paths.tokens,
    summary: 'Creates a one-time token with which a key of a principal can be enrolled',
    requestSchema: schemas.tokenRequest,
    errorCodes: ['NAME_INVALID', 'FORBIDDEN', 'LIMIT_EXCEEDED'],
    responseSchema: schemas.tokenResponse,
    run: (request, context) =>
      requireSecured(context).security.identities.issueToken(request, context.caller),
  }),
  route({
    method: 'GET',
    path: paths.identities,
    summary: 'Lists the keys of the principals that the caller administrates',
    requestSchema: schemas.identitiesRequest,
    errorCodes: ['NAME_INVALID'],
    responseSchema: schemas.identitiesResponse,
    run: ({ principal }, context) => ({
      identities: requireSecured(context).security.identities.listIdentities(principal, context.caller),
    }),
  }),
  route({
    method: 'POST',
    path: paths.revoke,
    summary: 'Revokes one key of a principal, or all its keys',
    requestSchema: schemas.revokeRequest,
    errorCodes: ['NAME_INVALID', 'NAME_NOT_FOUND', 'FORBIDDEN'],
    responseSchema: schemas.revokeResponse,
    run: (request, context) => requireSecured(context).security.identities.revoke(request, context.caller),
  }),
  route({
    method: 'POST',
    path: paths.groups,
    summary: 'Creates a group of principals, or replaces its members',
    requestSchema: schemas.groupRequest,
    errorCodes: ['NAME_INVALID', 'CHANGE_TOO_EARLY', 'FORBIDDEN', 'LIMIT_EXCEEDED'],
    responseSchema: changeResponse,
    run: (request, context) => requireSecured(context).security.identities.setGroup(request, context.caller),
  }),
  route({
    method: 'POST',
    path: paths.access,
    summary: 'Adds or removes rights of principals on names',
    requestSchema: schemas.accessChangeRequest,
    errorCodes: ['NAME_INVALID', 'FORBIDDEN', 'LIMIT_EXCEEDED'],
    responseSchema: changeResponse,
    run: (request, context) =>
      requireSecured(context).security.identities.changeAccess(request, context.caller),
  }),
  route({
    method: 'GET',
    path: paths.access,
    summary:
      'Lists the rights on the paths that the caller administrates; with the query key path, only the rights that the directories on this path hold',
    requestSchema: schemas.accessListRequest,
    errorCodes: ['NAME_INVALID'],
    responseSchema: schemas.accessListResponse,
    run: ({ path }, context) => ({
      entries: requireSecured(context).security.identities.listAccess(path, context.caller),
    }),
  }),
  route({
    method: 'GET',
    path: paths.accessExplain,
    summary: 'Explains whether a principal has a right on a name',
    requestSchema: schemas.accessExplainRequest,
    errorCodes: ['NAME_INVALID', 'FORBIDDEN'],
    responseSchema: schemas.accessExplainResponse,
    run: (request, context) => {
      const { security, rights } = requireSecured(context);
      // A principal may ask about its own rights without the right `admin`.
      if (request.principal !== context.caller.principal) rights.require(request.path, 'admin');
      return security.identities.explain(request);
    },
  }),
]);

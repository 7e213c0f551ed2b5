import * as z from 'zod/mini';
import { limits } from '../../protocol/limits.js';
import { paths } from '../../protocol/paths.js';
import type { ListResponse } from '../../protocol/lookup-messages.js';
import type { OutdatedInstance } from '../../protocol/status-messages.js';
import type { Caller } from '../ports.js';
import type { NameChanges } from './authorized-changes.js';
import type { RouteLauncher } from './authorized-launcher.js';
import { checkSockets } from './local-sockets.js';
import { validateInput } from './validate-input.js';
import * as responses from '../../protocol/response-schemas.js';
import { HttpError } from './http-error.js';
import { checkQueryKeys } from './query.js';
import * as requests from '../../protocol/request-schemas.js';
import { suggestName } from './suggest-name.js';
import { withAuditProblem, type RequestAudit } from './request-audit.js';
import type { RecentLookups } from './recent-lookups.js';
import type { RequestRights } from './request-rights.js';
import type { Security } from './security.js';
import type { NameQueries } from './visible-names.js';

export interface RouteContext {
  readonly names: NameChanges;
  /** The names as the caller may see them. */
  readonly queries: NameQueries;
  readonly launcher: RouteLauncher | undefined;
  readonly caller: Caller;
  readonly secured: { readonly security: Security; readonly rights: RequestRights } | undefined;
  readonly lookups: RecentLookups;
  /** Whether the client is connected over loopback. */
  readonly isOnLoopback: boolean;
  readonly signal: () => AbortSignal;
  readonly audit: RequestAudit | undefined;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly summary: string;
  /** Schema of the query of a GET request, or of the body of a POST request. */
  readonly requestSchema: z.core.$ZodType;
  readonly errorCodes: readonly string[];
  /** Descriptions of query keys, in place of those in `fieldDescriptions`. */
  readonly queryDescriptions?: Readonly<Record<string, string>>;
  readonly responseSchema: z.core.$ZodType;
  /** Validates the input. Returns the response body, or a promise of it. */
  readonly run: (input: unknown, context: RouteContext) => unknown;
}

interface RouteDefinition<Request extends z.core.$ZodType> extends Omit<
  Route,
  'requestSchema' | 'errorCodes' | 'run'
> {
  readonly requestSchema: Request & {
    safeParse(value: unknown): z.core.util.SafeParseResult<z.core.output<Request>>;
  };
  readonly errorCodes?: readonly string[];
  readonly run: (request: z.core.output<Request>, context: RouteContext) => unknown;
}

export function route<Request extends z.core.$ZodType>(definition: RouteDefinition<Request>): Route {
  const { method, requestSchema } = definition;
  const keys = method === 'GET' ? keysOf(requestSchema) : undefined;
  return {
    ...definition,
    errorCodes: definition.errorCodes ?? [],
    run: (input, context) => {
      if (method === 'POST') return definition.run(validateInput(requestSchema, input), context);
      if (keys !== undefined) checkQueryKeys(input as Record<string, string>, keys);
      return definition.run(validateInput(requestSchema, input, 'The query'), context);
    },
  };
}

/** Returns the query keys of a schema; undefined if the schema accepts any key. */
function keysOf(schema: z.core.$ZodType): readonly string[] | undefined {
  const { properties, additionalProperties } = z.toJSONSchema(schema, { io: 'input' });
  return additionalProperties === false ? Object.keys(properties ?? {}) : undefined;
}

const string = z.string();
const change = {
  method: 'POST',
  errorCodes: ['NAME_INVALID', 'NAME_NOT_FOUND', 'CHANGE_TOO_EARLY', 'FORBIDDEN', 'LIMIT_EXCEEDED'],
  responseSchema: responses.changeResponse,
} as const;

function requireLauncher({ launcher }: RouteContext): RouteLauncher {
  if (launcher === undefined)
    throw new HttpError(
      'FORBIDDEN',
      'This server has no manifests and cannot start services; restart the server with --manifests DIR',
    );
  return launcher;
}

function withOutdated(list: ListResponse, outdated: readonly OutdatedInstance[]): ListResponse {
  if (outdated.length === 0) return list;
  const entries = list.entries.map((entry) => {
    const count = outdated.filter(({ name }) => name === entry.name).length;
    return count === 0 ? entry : { ...entry, outdated: count };
  });
  return { ...list, entries };
}

/**
 * The table of JSON routes, for the server and the OpenAPI document. `app.ts` and `openapi.ts` add the other routes.
 */
export const routes: readonly Route[] = Object.freeze([
  route({
    method: 'GET',
    path: paths.resolve,
    summary: 'Follows the links in a name, and returns the endpoints of the service',
    requestSchema: z.strictObject({ name: string }),
    errorCodes: ['NAME_INVALID', 'NAME_NOT_FOUND'],
    responseSchema: responses.resolveResponse,
    run: ({ name }, { queries, lookups, caller }) => {
      const response = queries.resolve(name);
      lookups.record(caller.principal, name);
      return response;
    },
  }),
  route({
    method: 'GET',
    path: paths.list,
    summary: 'Lists the names that match a glob, in pages',
    requestSchema: z.strictObject({ glob: string, after: z.exactOptional(string) }),
    errorCodes: ['NAME_INVALID'],
    responseSchema: responses.listResponse,
    run: ({ glob, after }, { queries, launcher }) =>
      withOutdated(queries.list(glob, after, limits.maxBatch), launcher?.outdated() ?? []),
  }),
  route({
    method: 'GET',
    path: paths.search,
    summary:
      'Finds endpoints in the services that match the glob, in pages. The query keys id, zone, host and version filter by these fields. Each other key, except glob and after, filters by the attribute with this name',
    requestSchema: z.catchall(z.object({ glob: string, after: z.exactOptional(string) }), string),
    errorCodes: ['NAME_INVALID', 'LIMIT_EXCEEDED'],
    responseSchema: responses.searchResponse,
    run: ({ glob, after, ...filter }, { queries }) => queries.searchInSlices(glob, filter, after),
  }),
  route({
    method: 'GET',
    path: paths.whois,
    summary: 'Finds the endpoints that have the given address',
    requestSchema: z.strictObject({ address: string }),
    errorCodes: ['LIMIT_EXCEEDED'],
    responseSchema: responses.whoisResponse,
    run: ({ address }, { queries }) => queries.whois(address),
  }),
  route({
    method: 'GET',
    path: paths.status,
    summary:
      'Returns the status of the server; a secured server omits the totals unless the caller has the right read on /',
    requestSchema: z.strictObject({}),
    responseSchema: responses.statusResponse,
    run: (_, { names, launcher, audit }) => {
      const outdated = launcher?.outdated() ?? [];
      const status = withAuditProblem(names.status(), audit);
      return { ...status, ...(outdated.length > 0 && { outdated }) };
    },
  }),
  route({
    ...change,
    path: paths.define,
    summary: 'Defines a service, or changes its settings',
    requestSchema: requests.defineRequest,
    run: (request, { names, launcher, caller }) => {
      const { name, launch } = request;
      if (launch) launcher?.checkRule(name, launch);
      return names.define(request, caller);
    },
  }),
  route({
    ...change,
    path: paths.link,
    summary: 'Creates or changes a link to another name',
    requestSchema: requests.linkRequest,
    run: (request, { names, caller }) => names.link(request, caller),
  }),
  route({
    ...change,
    path: paths.directory,
    summary: 'Creates a directory with a permanent identifier, or changes its guarantee',
    requestSchema: requests.directoryRequest,
    responseSchema: responses.directoryResponse,
    run: (request, { names, caller }) => names.directory(request, caller),
  }),
  route({
    ...change,
    path: paths.move,
    summary: `Moves an entry and all entries below it, at most ${limits.maxChangedNames} names and endpoints. The old name becomes a link to the new name. The new name may be a link that leads to the moved entry, so that a name can move back`,
    requestSchema: requests.moveRequest,
    run: (request, { names, queries, caller }) =>
      suggestName(names.move(request, caller), request.from, queries),
  }),
  route({
    ...change,
    path: paths.cancel,
    summary:
      'Cancels the scheduled change of an entry, which stays as it is; with recursive, also cancels the scheduled changes of all entries below it',
    errorCodes: ['NAME_INVALID', 'NAME_NOT_FOUND', 'FORBIDDEN', 'LIMIT_EXCEEDED'],
    requestSchema: requests.cancelRequest,
    run: (request, { names, queries, caller }) =>
      suggestName(names.cancel(request, caller), request.name, queries),
  }),
  route({
    ...change,
    path: paths.remove,
    summary: `Removes an entry; with recursive, also its endpoints and all entries below it, at most ${limits.maxChangedNames} names and endpoints`,
    requestSchema: requests.removeRequest,
    run: (request, { names, queries, caller }) =>
      suggestName(names.remove(request, caller), request.name, queries),
  }),
  route({
    method: 'POST',
    path: paths.register,
    summary: 'Registers an endpoint with a lease',
    requestSchema: requests.registerRequest,
    errorCodes: ['NAME_INVALID', 'FORBIDDEN', 'TICKET_REFUSED', 'NAME_MISMATCH', 'LIMIT_EXCEEDED'],
    responseSchema: responses.registerResponse,
    run: (request, { names, caller, isOnLoopback }) => {
      checkSockets(request, isOnLoopback);
      return names.register(request, caller);
    },
  }),
  route({
    method: 'POST',
    path: paths.renew,
    summary: 'Renews leases; one request can renew all leases of a process',
    requestSchema: requests.renewRequest,
    errorCodes: ['FORBIDDEN'],
    responseSchema: responses.renewResponse,
    run: (request, { names, caller }) => {
      const ready = names.prepareRenewals(request);
      return ready === undefined
        ? names.renew(request, caller)
        : ready.then(() => names.renew(request, caller));
    },
  }),
  route({
    method: 'POST',
    path: paths.report,
    summary:
      'Accepts a report of reachable and unreachable endpoints; ignores unknown endpoints, and services that the principal has not looked up in the last minute',
    requestSchema: requests.reportRequest,
    responseSchema: responses.reportResponse,
    run: ({ clerk, reports }, { queries, lookups, caller }) => {
      const known = reports.filter(({ name }) => lookups.mayReport(caller.principal, name));
      if (known.length > 0) queries.report({ clerk, reports: known }, caller);
      return {};
    },
  }),
  route({
    method: 'POST',
    path: paths.withdraw,
    summary: 'Withdraws an endpoint',
    requestSchema: requests.withdrawRequest,
    errorCodes: ['NAME_INVALID', 'NAME_NOT_FOUND', 'FORBIDDEN'],
    responseSchema: responses.changeResponse,
    run: (request, { names, caller }) => names.withdraw(request, caller),
  }),
  route({
    method: 'POST',
    path: paths.launch,
    summary: 'Starts a service that has no callable endpoint, and waits until the service has registered',
    requestSchema: requests.launchRequest,
    errorCodes: [
      'NAME_INVALID',
      'NAME_NOT_FOUND',
      'FORBIDDEN',
      'START_FAILED',
      'LIMIT_EXCEEDED',
      'DEADLINE_EXCEEDED',
    ],
    responseSchema: responses.launchResponse,
    run: (request, context) =>
      suggestName(requireLauncher(context).launch(request, context.signal()), request.name, context.queries),
  }),
  route({
    method: 'POST',
    path: paths.stop,
    summary: 'Stops all instances that the launcher has started for a service',
    requestSchema: requests.stopRequest,
    errorCodes: ['NAME_INVALID', 'NAME_NOT_FOUND', 'FORBIDDEN'],
    responseSchema: responses.stopResponse,
    run: (request, context) =>
      suggestName(requireLauncher(context).stop(request), request.name, context.queries),
  }),
  route({
    method: 'POST',
    path: paths.reset,
    summary:
      'Reads the manifest of a service again, resets the start backoff, stops the instances of the service, and starts the service again; with rolling, replaces the instances one by one instead',
    requestSchema: requests.resetRequest,
    errorCodes: [
      'NAME_INVALID',
      'NAME_NOT_FOUND',
      'FORBIDDEN',
      'CONFIG_INVALID',
      'START_FAILED',
      'LIMIT_EXCEEDED',
    ],
    responseSchema: responses.launchResponse,
    run: (request, context) =>
      suggestName(requireLauncher(context).reset(request, context.signal()), request.name, context.queries),
  }),
]);

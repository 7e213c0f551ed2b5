/**
 * The routes: what each reads, does and answers. The server and its OpenAPI document are both made from this table, so
 * that neither knows a route that the other does not.
 */
import * as z from 'zod/mini';
import { limits } from '../../protocol/limits.js';
import { paths } from '../../protocol/paths.js';
import type { Caller, Launcher, NameService } from '../ports.js';
import { validateInput } from './validate-input.js';
import * as replies from './response-schemas.js';
import { HttpError } from './http-error.js';
import * as schemas from '../../protocol/schemas.js';

/** What a route works with. */
export interface RouteContext {
  readonly names: NameService;
  /** Undefined where nothing can be started. */
  readonly launcher: Launcher | undefined;
  readonly caller: Caller;
  /** Aborted when nobody waits for the answer any more, or the server is closed. */
  readonly signal: () => AbortSignal;
}

/** A question and its answer, both JSON. */
export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly summary: string;
  /** Of the query for GET, of the body for POST. */
  readonly requestSchema: z.core.$ZodType;
  /** Codes of refusals that are its own, beside those that every route has. */
  readonly errorCodes: readonly string[];
  readonly responseSchema: z.core.$ZodType;
  /** Does it, with a query or body that nobody has looked at yet. */
  readonly run: (input: unknown, context: RouteContext) => unknown;
}

/** A query: each key once. */
const querySchema = <Shape extends z.core.$ZodLooseShape>(shape: Shape) => z.strictObject(shape);

interface RouteDefinition<Request extends z.core.$ZodType> {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly summary: string;
  readonly requestSchema: Request & {
    safeParse(value: unknown): z.core.util.SafeParseResult<z.core.output<Request>>;
  };
  readonly errorCodes?: readonly string[];
  readonly responseSchema: z.core.$ZodType;
  readonly run: (request: z.core.output<Request>, context: RouteContext) => unknown;
}

function route<Request extends z.core.$ZodType>(definition: RouteDefinition<Request>): Route {
  const subject = definition.method === 'GET' ? 'The query' : 'The body';
  return {
    ...definition,
    errorCodes: definition.errorCodes ?? [],
    run: (input, context) => definition.run(validateInput(definition.requestSchema, input, subject), context),
  };
}

const string = z.string();
const changeErrorCodes = ['NAME_INVALID', 'NAME_NOT_FOUND', 'CHANGE_TOO_EARLY', 'FORBIDDEN'];

/** Whoever starts services here, or the reason why nobody does. */
function requireLauncher({ launcher }: RouteContext): Launcher {
  if (launcher === undefined)
    throw new HttpError(
      'FORBIDDEN',
      'This server starts nothing: it has no manifests; start it with --manifests DIR',
    );
  return launcher;
}

/** All routes with JSON on both sides. Streams (watch, export, import) are not among them. */
export const routes: readonly Route[] = Object.freeze([
  route({
    method: 'GET',
    path: paths.resolve,
    summary: 'Looks a name up, through links',
    requestSchema: querySchema({ name: string }),
    errorCodes: ['NAME_INVALID', 'NAME_NOT_FOUND'],
    responseSchema: replies.resolveResponse,
    run: ({ name }, { names }) => names.resolve(name),
  }),
  route({
    method: 'GET',
    path: paths.list,
    summary: 'Lists the names that a glob fits, in pages',
    requestSchema: querySchema({ glob: string, after: z.exactOptional(string) }),
    errorCodes: ['NAME_INVALID'],
    responseSchema: replies.listResponse,
    run: ({ glob, after }, { names }) => names.list(glob, after, limits.maxBatch),
  }),
  route({
    method: 'GET',
    path: paths.search,
    summary: 'Finds endpoints by attributes, zone, host or version; every other key of the query is one',
    requestSchema: z.catchall(z.object({ glob: string }), string),
    errorCodes: ['NAME_INVALID'],
    responseSchema: replies.searchResponse,
    run: ({ glob, ...filter }, { names }) => names.search(glob, filter),
  }),
  route({
    method: 'GET',
    path: paths.whois,
    summary: 'Tells whose an address is',
    requestSchema: querySchema({ address: string }),
    responseSchema: replies.whoisResponse,
    run: ({ address }, { names }) => names.whois(address),
  }),
  route({
    method: 'GET',
    path: paths.status,
    summary: 'Says how the server is',
    requestSchema: querySchema({}),
    responseSchema: replies.statusResponse,
    run: (_, { names }) => names.status(),
  }),
  route({
    method: 'POST',
    path: paths.define,
    summary: 'Defines a service, or changes how it is chosen and started',
    requestSchema: schemas.defineRequest,
    errorCodes: changeErrorCodes,
    responseSchema: replies.changeResponse,
    run: (request, { names }) => names.define(request),
  }),
  route({
    method: 'POST',
    path: paths.link,
    summary: 'Makes a name stand for another',
    requestSchema: schemas.linkRequest,
    errorCodes: changeErrorCodes,
    responseSchema: replies.changeResponse,
    run: (request, { names }) => names.link(request),
  }),
  route({
    method: 'POST',
    path: paths.directory,
    summary: 'Makes a directory with an identifier that never changes',
    requestSchema: schemas.directoryRequest,
    errorCodes: changeErrorCodes,
    responseSchema: replies.directoryResponse,
    run: (request, { names }) => names.directory(request),
  }),
  route({
    method: 'POST',
    path: paths.move,
    summary: 'Moves an entry and all below it, leaving a link',
    requestSchema: schemas.moveRequest,
    errorCodes: changeErrorCodes,
    responseSchema: replies.changeResponse,
    run: (request, { names }) => names.move(request),
  }),
  route({
    method: 'POST',
    path: paths.remove,
    summary: 'Removes an entry',
    requestSchema: schemas.removeRequest,
    errorCodes: changeErrorCodes,
    responseSchema: replies.changeResponse,
    run: (request, { names }) => names.remove(request),
  }),
  route({
    method: 'POST',
    path: paths.register,
    summary: 'Registers an endpoint under a lease',
    requestSchema: schemas.registerRequest,
    errorCodes: ['NAME_INVALID', 'FORBIDDEN', 'TICKET_REFUSED', 'NAME_MISMATCH', 'LIMIT_EXCEEDED'],
    responseSchema: replies.registerResponse,
    run: (request, { names, caller }) => names.register(request, caller),
  }),
  route({
    method: 'POST',
    path: paths.renew,
    summary: 'Renews leases, all of a process at once',
    requestSchema: schemas.renewRequest,
    responseSchema: replies.renewResponse,
    run: (request, { names }) => names.renew(request),
  }),
  route({
    method: 'POST',
    path: paths.report,
    summary: 'Hears which endpoints a clerk can reach and which it cannot; what is not known is passed over',
    requestSchema: schemas.reportRequest,
    responseSchema: replies.reportResponse,
    run: (request, { names, caller }) => {
      names.report(request, caller);
      return {};
    },
  }),
  route({
    method: 'POST',
    path: paths.withdraw,
    summary: 'Withdraws an endpoint',
    requestSchema: schemas.withdrawRequest,
    errorCodes: ['NAME_INVALID', 'NAME_NOT_FOUND', 'FORBIDDEN'],
    responseSchema: replies.changeResponse,
    run: (request, { names }) => names.withdraw(request),
  }),
  route({
    method: 'POST',
    path: paths.launch,
    summary: 'Has a service started if nobody runs it, and waits until it can be called',
    requestSchema: schemas.launchRequest,
    errorCodes: ['NAME_INVALID', 'NAME_NOT_FOUND', 'FORBIDDEN', 'START_FAILED', 'LIMIT_EXCEEDED', 'DEADLINE_EXCEEDED'],
    responseSchema: replies.launchResponse,
    run: (request, context) => requireLauncher(context).launch(request, context.signal()),
  }),
  route({
    method: 'POST',
    path: paths.stop,
    summary: 'Ends what the launcher started of a service',
    requestSchema: schemas.stopRequest,
    errorCodes: ['NAME_INVALID', 'NAME_NOT_FOUND', 'FORBIDDEN'],
    responseSchema: replies.stopResponse,
    run: (request, context) => requireLauncher(context).stop(request),
  }),
  route({
    method: 'POST',
    path: paths.reset,
    summary: 'Ends a service, forgets its failures, and starts it again',
    requestSchema: schemas.stopRequest,
    errorCodes: ['NAME_INVALID', 'NAME_NOT_FOUND', 'FORBIDDEN', 'START_FAILED', 'LIMIT_EXCEEDED'],
    responseSchema: replies.launchResponse,
    run: (request, context) => requireLauncher(context).reset(request),
  }),
]);

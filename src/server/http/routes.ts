/**
 * The routes: what each reads, does and answers. The server and its OpenAPI document are both made from this table, so
 * that neither knows a route that the other does not.
 */
import * as z from 'zod/mini';
import { limits } from '../../wire/limits.js';
import { paths } from '../../wire/paths.js';
import type { Caller, Launcher, NameService } from '../ports.js';
import { checked } from './explain.js';
import * as replies from './replies.js';
import { Refusal } from './refusal.js';
import * as schemas from './schemas.js';

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
  readonly request: z.core.$ZodType;
  /** Codes of refusals that are its own, beside those that every route has. */
  readonly refusals: readonly string[];
  readonly reply: z.core.$ZodType;
  /** Does it, with a query or body that nobody has looked at yet. */
  readonly run: (input: unknown, context: RouteContext) => unknown;
}

/** A query: each key once. */
const query = <Shape extends z.core.$ZodLooseShape>(shape: Shape) => z.strictObject(shape);

interface Told<Request extends z.core.$ZodType> {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly summary: string;
  readonly request: Request & {
    safeParse(value: unknown): z.core.util.SafeParseResult<z.core.output<Request>>;
  };
  readonly refusals?: readonly string[];
  readonly reply: z.core.$ZodType;
  readonly run: (request: z.core.output<Request>, context: RouteContext) => unknown;
}

function route<Request extends z.core.$ZodType>(told: Told<Request>): Route {
  const what = told.method === 'GET' ? 'The query' : 'The body';
  return {
    ...told,
    refusals: told.refusals ?? [],
    run: (input, context) => told.run(checked(told.request, input, what), context),
  };
}

const text = z.string();
const held = ['NAME_INVALID', 'NAME_NOT_FOUND', 'PROMISE_HELD', 'FORBIDDEN'];

/** Whoever starts services here, or the reason why nobody does. */
function launcherOf({ launcher }: RouteContext): Launcher {
  if (launcher === undefined)
    throw new Refusal(
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
    request: query({ name: text }),
    refusals: ['NAME_INVALID', 'NAME_NOT_FOUND'],
    reply: replies.resolveReply,
    run: ({ name }, { names }) => names.resolve(name),
  }),
  route({
    method: 'GET',
    path: paths.list,
    summary: 'Lists the names that a glob fits, in pages',
    request: query({ glob: text, after: z.exactOptional(text) }),
    refusals: ['NAME_INVALID'],
    reply: replies.listReply,
    run: ({ glob, after }, { names }) => names.list(glob, after, limits.mostBatch),
  }),
  route({
    method: 'GET',
    path: paths.search,
    summary: 'Finds endpoints by attributes, zone, host or version; every other key of the query is one',
    request: z.catchall(z.object({ glob: text }), text),
    refusals: ['NAME_INVALID'],
    reply: replies.searchReply,
    run: ({ glob, ...filter }, { names }) => names.search(glob, filter),
  }),
  route({
    method: 'GET',
    path: paths.whois,
    summary: 'Tells whose an address is',
    request: query({ address: text }),
    reply: replies.whoisReply,
    run: ({ address }, { names }) => names.whois(address),
  }),
  route({
    method: 'GET',
    path: paths.status,
    summary: 'Says how the server is',
    request: query({}),
    reply: replies.statusReply,
    run: (_, { names }) => names.status(),
  }),
  route({
    method: 'POST',
    path: paths.define,
    summary: 'Defines a service, or changes how it is chosen and started',
    request: schemas.defineRequest,
    refusals: held,
    reply: replies.changeReply,
    run: (request, { names }) => names.define(request),
  }),
  route({
    method: 'POST',
    path: paths.link,
    summary: 'Makes a name stand for another',
    request: schemas.linkRequest,
    refusals: held,
    reply: replies.changeReply,
    run: (request, { names }) => names.link(request),
  }),
  route({
    method: 'POST',
    path: paths.directory,
    summary: 'Makes a directory with an identifier that never changes',
    request: schemas.directoryRequest,
    refusals: held,
    reply: replies.directoryReply,
    run: (request, { names }) => names.directory(request),
  }),
  route({
    method: 'POST',
    path: paths.move,
    summary: 'Moves an entry and all below it, leaving a link',
    request: schemas.moveRequest,
    refusals: held,
    reply: replies.changeReply,
    run: (request, { names }) => names.move(request),
  }),
  route({
    method: 'POST',
    path: paths.remove,
    summary: 'Removes an entry',
    request: schemas.removeRequest,
    refusals: held,
    reply: replies.changeReply,
    run: (request, { names }) => names.remove(request),
  }),
  route({
    method: 'POST',
    path: paths.register,
    summary: 'Registers an endpoint under a lease',
    request: schemas.registerRequest,
    refusals: ['NAME_INVALID', 'FORBIDDEN', 'TICKET_REFUSED', 'NAME_MISMATCH', 'LIMIT'],
    reply: replies.registerReply,
    run: (request, { names, caller }) => names.register(request, caller),
  }),
  route({
    method: 'POST',
    path: paths.renew,
    summary: 'Renews leases, all of a process at once',
    request: schemas.renewRequest,
    reply: replies.renewReply,
    run: (request, { names }) => names.renew(request),
  }),
  route({
    method: 'POST',
    path: paths.report,
    summary: 'Hears which endpoints a clerk can reach and which it cannot; what is not known is passed over',
    request: schemas.reportRequest,
    reply: replies.reportReply,
    run: (request, { names, caller }) => {
      names.report(request, caller);
      return {};
    },
  }),
  route({
    method: 'POST',
    path: paths.withdraw,
    summary: 'Withdraws an endpoint',
    request: schemas.withdrawRequest,
    refusals: ['NAME_INVALID', 'NAME_NOT_FOUND', 'FORBIDDEN'],
    reply: replies.changeReply,
    run: (request, { names }) => names.withdraw(request),
  }),
  route({
    method: 'POST',
    path: paths.launch,
    summary: 'Has a service started if nobody runs it, and waits until it can be called',
    request: schemas.launchRequest,
    refusals: ['NAME_INVALID', 'NAME_NOT_FOUND', 'FORBIDDEN', 'START_FAILED', 'LIMIT', 'DEADLINE_EXCEEDED'],
    reply: replies.launchReply,
    run: (request, context) => launcherOf(context).launch(request, context.signal()),
  }),
  route({
    method: 'POST',
    path: paths.stop,
    summary: 'Ends what the launcher started of a service',
    request: schemas.stopRequest,
    refusals: ['NAME_INVALID', 'NAME_NOT_FOUND', 'FORBIDDEN'],
    reply: replies.stopReply,
    run: (request, context) => launcherOf(context).stop(request),
  }),
  route({
    method: 'POST',
    path: paths.reset,
    summary: 'Ends a service, forgets its failures, and starts it again',
    request: schemas.stopRequest,
    refusals: ['NAME_INVALID', 'NAME_NOT_FOUND', 'FORBIDDEN', 'START_FAILED', 'LIMIT'],
    reply: replies.launchReply,
    run: (request, context) => launcherOf(context).reset(request),
  }),
]);

import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { HttpBindings } from '@hono/node-server';
import type { IncomingMessage } from 'node:http';
import { Hono, type Context } from 'hono';
import type { Clock } from '../../core/clock.js';
import { quote } from '../../core/describe-value.js';
import { paths } from '../../protocol/paths.js';
import { auditRoute } from './audit-route.js';
import { checkContentType, checkNoBody } from './body-parser.js';
import { checkLaunchRules } from './check-launch-rules.js';
import {
  callerOf,
  createRouteContext,
  queriesOf,
  responseHeaders,
  readJson,
  requireReadOnRoot,
  jsonContentType,
  sendError,
  statusOf,
  type HttpContext,
} from './request-context.js';
import { validateInput } from './validate-input.js';
import type { Metrics } from './metrics.js';
import { openApiDocument } from './openapi.js';
import { checkNoQuery, checkQueryKeys, parseQuery, queryPairs } from './query.js';
import { HttpError } from './http-error.js';
import { identityRoutes } from './identity-routes.js';
import { withAuditProblem } from './request-audit.js';
import { routes } from './routes.js';
import { runRoute } from './run-route.js';
import { provedKeyOf, registryKeysOf, type Security } from './security.js';
import type { EnrolResponse } from '../../protocol/identity-messages.js';
import { enrolRequest } from '../../protocol/identity-schemas.js';
import { importOptions, watchEditRequest, watchRequest } from '../../protocol/request-schemas.js';
import { exportChunks, readImport } from './import-export.js';
import type { OpenWatches, WatchClient } from './open-watches.js';
import { TransferSlots } from './transfer-slots.js';

export interface AppOptions {
  readonly http: HttpContext;
  readonly watches: OpenWatches;
  readonly metrics: Metrics;
  readonly connectionCount: () => number;
  readonly clock: Pick<Clock, 'now'>;
}

/** Paths of GET routes whose handlers check the query. All other routes reject a query. */
const routesWithQuery: ReadonlySet<string> = new Set([
  ...[...routes, auditRoute, ...identityRoutes].map(({ path }) => path),
  paths.watch,
]);

type Env = { Bindings: HttpBindings };
type RouteHandler = (context: Context<Env>) => Response | Promise<Response>;

/**
 * Creates the HTTP application with all routes. Responds to an unknown path with status 404, and to a wrong method
 * with 405.
 */
export function createApp({ http, watches, metrics, connectionCount, clock }: AppOptions): Hono<Env> {
  const app = new Hono<Env>();
  const allowedMethods = new Map<string, string[]>();
  const { names, security } = http;

  /** @param hasQuery - whether the handler checks the query itself */
  const addRoute = (
    method: 'GET' | 'POST',
    path: string,
    handler: RouteHandler,
    hasQuery = method === 'GET' && routesWithQuery.has(path),
  ): void => {
    allowedMethods.set(path, [...(allowedMethods.get(path) ?? []), method]);
    app.on(method, path, async (context) => {
      const { incoming } = context.env;
      if (method === 'GET') checkNoBody(incoming);
      if (!hasQuery) checkNoQuery(incoming.url ?? '');
      return handler(context);
    });
  };
  const textResponse = (body: string, type: string, status = 200): Response =>
    new Response(body, { status, headers: responseHeaders(http, type) });
  const jsonResponse = (value: unknown, status = 200): Response =>
    textResponse(JSON.stringify(value), jsonContentType, status);

  for (const route of [...routes, auditRoute, ...(security === undefined ? [] : identityRoutes)])
    addRoute(route.method, route.path, async ({ env }) =>
      jsonResponse(
        await runRoute(
          http,
          route,
          route.method === 'GET' ? parseQuery(env.incoming.url ?? '') : await readJson(env.incoming),
          env.incoming,
          env.outgoing,
        ),
      ),
    );

  const openWatch = (context: Context<Env>, request: unknown): Response => {
    const { incoming, outgoing } = context.env;
    watches.open(
      validateInput(watchRequest, request),
      watchClientOf(http, incoming),
      incoming,
      outgoing,
      responseHeaders(http, 'text/event-stream'),
    );
    return RESPONSE_ALREADY_SENT;
  };
  addRoute('POST', paths.watch, async (context) => openWatch(context, await readJson(context.env.incoming)));
  addRoute('GET', paths.watch, (context) => {
    const { incoming } = context.env;
    if (incoming.method === 'HEAD') throw methodNotAllowed('HEAD', paths.watch, ['GET', 'POST']);
    const globs: string[] = [];
    for (const [key, value] of queryPairs(incoming.url ?? '')) {
      if (key !== 'glob')
        throw new HttpError(
          'CONFIG_INVALID',
          `The query of a watch must have only the key 'glob', which may be repeated; got key ${quote(key)}`,
        );
      globs.push(value);
    }
    const lastEventId = incoming.headers['last-event-id'];
    return openWatch(context, {
      globs,
      ...(lastEventId !== undefined && { since: parseLastEventId(String(lastEventId)) }),
    });
  });
  addRoute('POST', paths.watchEdit, async (context) => {
    watches.edit(
      validateInput(watchEditRequest, await readJson(context.env.incoming)),
      callerOf(http, context.env.incoming).principal,
    );
    return jsonResponse({});
  });

  const openExports = new TransferSlots(clock, 'exports');
  addRoute('GET', paths.export, async ({ env }) => {
    openExports.acquire(env.outgoing);
    const chunks = await exportChunks(queriesOf(http, env.incoming));
    const encoder = new TextEncoder();
    let next = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        const chunk = chunks[next++];
        if (chunk === undefined) controller.close();
        else controller.enqueue(encoder.encode(chunk));
      },
    });
    return new Response(stream, { headers: responseHeaders(http, 'application/x-ndjson') });
  });
  const openImports = new TransferSlots(clock, 'imports');
  const importLines: RouteHandler = async ({ env }) => {
    const query = parseQuery(env.incoming.url ?? '');
    checkQueryKeys(query, Object.keys(importOptions.shape));
    const options = validateInput(importOptions, query, 'The query');
    checkContentType(env.incoming, 'lines');
    const protect = openImports.acquire(env.outgoing);
    const lines = await readImport(env.incoming);
    protect();
    const { names: changes, launcher, caller } = createRouteContext(http, env.incoming, env.outgoing);
    if (launcher !== undefined) checkLaunchRules(lines, launcher);
    const operate = (): unknown => changes.importLines(lines, caller, options);
    // A dry run changes nothing, so it is not recorded.
    const audit = options.dryRun === true ? undefined : http.audit;
    return jsonResponse(await (audit?.run(paths.import, lines, env.incoming, caller, operate) ?? operate()));
  };
  addRoute('POST', paths.import, importLines, true);

  if (security !== undefined)
    addRoute('POST', paths.enroll, async ({ env }) =>
      jsonResponse(await enrol(http, security, env.incoming)),
    );

  addRoute('GET', paths.health, ({ env }) => {
    const { degraded } = withAuditProblem(names.status(), http.audit);
    const status = statusOf(http, env.incoming);
    return jsonResponse(
      status === undefined ? { degraded } : withAuditProblem(status, http.audit),
      degraded ? 503 : 200,
    );
  });
  const metricsText = metrics.textSource(() =>
    metrics.expose(withAuditProblem(names.status(), http.audit), names, connectionCount()),
  );
  addRoute('GET', paths.metrics, ({ env }) => {
    requireReadOnRoot(http, env.incoming);
    return textResponse(metricsText(), 'text/plain; version=0.0.4; charset=utf-8');
  });
  let openApiText: string | undefined;
  addRoute('GET', paths.openapi, () => {
    openApiText ??= JSON.stringify(openApiDocument(names.status().version, security !== undefined));
    return textResponse(openApiText, jsonContentType);
  });

  for (const [path, allowed] of allowedMethods)
    app.all(path, ({ req }) => {
      throw methodNotAllowed(req.method, path, allowed);
    });
  app.notFound(({ req }) => {
    throw routeNotFound(req.path);
  });
  app.onError((error, { env }) => {
    sendError(http, env.incoming, env.outgoing, error);
    return RESPONSE_ALREADY_SENT;
  });
  return app;
}

/** Enrols the key of the TLS connection. */
async function enrol(http: HttpContext, security: Security, incoming: IncomingMessage): Promise<unknown> {
  const { pin } = provedKeyOf(security, incoming);
  const request = validateInput(enrolRequest, await readJson(incoming));
  const operate = async (): Promise<EnrolResponse> => ({
    ...(await security.identities.enrol(request, pin)),
    registryKeys: registryKeysOf(security),
  });
  const client = { principal: request.name, pin };
  return http.audit?.run(paths.enroll, request, incoming, client, operate) ?? operate();
}

function watchClientOf(http: HttpContext, incoming: IncomingMessage): WatchClient {
  const { security } = http;
  const { principal, pin } = callerOf(http, incoming);
  const queries = queriesOf(http, incoming);
  return {
    principal,
    queries: {
      watch: (options) =>
        queries.watch({
          ...options,
          onEvent: (event, ...position) => {
            if (event.type === 'put') http.lookups.record(principal, event.name);
            options.onEvent(event, ...position);
          },
        }),
    },
    ...(security && pin && { isAuthorized: () => security.identities.ownerOf(pin) !== undefined }),
  };
}

/** Paths that only a secured server has. */
const securedPaths: ReadonlySet<string> = new Set([paths.enroll, ...identityRoutes.map(({ path }) => path)]);

/**
 * Returns the error for an unknown path. The code is not `NAME_NOT_FOUND`, because a client would conclude that a
 * name does not exist.
 */
export function routeNotFound(path?: string): HttpError {
  if (path !== undefined && securedPaths.has(path))
    return new HttpError(
      'FORBIDDEN',
      'This registry is not secured, so it has no keys and rights; stop the server and secure the registry with clerk init',
      403,
    );
  return new HttpError(
    'CONFIG_INVALID',
    `The server has no route with this path; GET ${paths.openapi} lists all routes`,
    404,
  );
}

function methodNotAllowed(method: string, path: string, allowed: readonly string[]): HttpError {
  return new HttpError(
    'CONFIG_INVALID',
    `Method ${method} is not allowed at ${path}; use ${allowed.join(' or ')}`,
    405,
    {
      allow: allowed.join(', '),
    },
  );
}

/** Parses `<incarnation>:<revision>:<mark>`. Ignores the mark, which was already checked when the request arrived. */
function parseLastEventId(id: string): { incarnation: string; revision: string } {
  const [incarnation = '', revision = ''] = id.split(':', 2);
  return { incarnation, revision };
}

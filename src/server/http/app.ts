/** The routes that are not asked all the time, and the streams, on hono. */
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { HttpBindings } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import { paths } from '../../wire/paths.js';
import { checkForm, checkNoBody } from './body.js';
import {
  contextOf,
  headersOf,
  inputOf,
  jsonType,
  principalOf,
  sendRefusal,
  type Shared,
} from './exchange.js';
import { checked } from './explain.js';
import type { Metrics } from './metrics.js';
import { openApiDocument } from './openapi.js';
import { pairsOf } from './query.js';
import { Refusal } from './refusal.js';
import { routes } from './routes.js';
import { watchEdit, watchRequest } from './schemas.js';
import { exportPieces, importedLines } from './transfer.js';
import type { Watches } from './watches.js';

/** What the application needs beside what all exchanges share. */
export interface AppOptions {
  readonly shared: Shared;
  readonly watches: Watches;
  readonly metrics: Metrics;
  readonly connections: () => number;
}

type Env = { Bindings: HttpBindings };
type Answering = (context: Context<Env>) => Response | Promise<Response>;

/** The application; it answers every request, known or not. */
export function clerkApp({ shared, watches, metrics, connections }: AppOptions): Hono<Env> {
  const app = new Hono<Env>();
  const methods = new Map<string, string[]>();
  const { names } = shared;

  const on = (method: 'GET' | 'POST', path: string, answering: Answering): void => {
    methods.set(path, [...(methods.get(path) ?? []), method]);
    app.on(method, path, async (context) => {
      const { incoming } = context.env;
      if (method === 'GET') checkNoBody(incoming);
      return answering(context);
    });
  };
  const text = (body: string, type: string, status = 200): Response =>
    new Response(body, { status, headers: headersOf(shared, type) });
  const json = (value: unknown, status = 200): Response => text(JSON.stringify(value), jsonType, status);

  for (const route of routes)
    on(route.method, route.path, async ({ env }) =>
      json(
        await route.run(await inputOf(route, env.incoming), contextOf(shared, env.incoming, env.outgoing)),
      ),
    );

  const posted = routes.find(({ method }) => method === 'POST');
  const bodyOf = ({ env }: Context<Env>): Promise<unknown> => inputOf(posted as never, env.incoming);
  const watch = (context: Context<Env>, request: unknown): Response => {
    const { incoming, outgoing } = context.env;
    watches.open(
      checked(watchRequest, request),
      principalOf(incoming),
      incoming,
      outgoing,
      headersOf(shared, 'text/event-stream'),
    );
    return RESPONSE_ALREADY_SENT;
  };
  on('POST', paths.watch, async (context) => watch(context, await bodyOf(context)));
  on('GET', paths.watch, (context) => {
    const { incoming } = context.env;
    if (incoming.method === 'HEAD') throw notAllowed('HEAD', paths.watch, ['GET', 'POST']);
    const globs: string[] = [];
    for (const [key, value] of pairsOf(incoming.url ?? '')) {
      if (key !== 'glob')
        throw new Refusal(
          'CONFIG_INVALID',
          "The query of a watch has only 'glob', as often as there are globs",
        );
      globs.push(value);
    }
    const last = incoming.headers['last-event-id'];
    return watch(context, { globs, ...(last !== undefined && { since: positionOf(String(last)) }) });
  });
  on('POST', paths.watchEdit, async (context) => {
    watches.edit(checked(watchEdit, await bodyOf(context)), principalOf(context.env.incoming));
    return json({});
  });

  on('GET', paths.export, () => {
    const pieces = exportPieces(names);
    const encoder = new TextEncoder();
    let at = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        const piece = pieces[at++];
        if (piece === undefined) controller.close();
        else controller.enqueue(encoder.encode(piece));
      },
    });
    return new Response(stream, { headers: headersOf(shared, 'application/x-ndjson') });
  });
  on('POST', paths.import, async ({ env }) => {
    checkForm(env.incoming, 'lines');
    return json(await names.importLines(await importedLines(env.incoming)));
  });

  on('GET', paths.health, () => {
    const status = names.status();
    return json(status, status.degraded ? 503 : 200);
  });
  on('GET', paths.metrics, () =>
    text(metrics.text(names.status(), names, connections()), 'text/plain; version=0.0.4; charset=utf-8'),
  );
  on('GET', paths.openapi, () => json(openApiDocument(names.status().version)));

  for (const [path, allowed] of methods)
    app.all(path, ({ req }) => {
      throw notAllowed(req.method, path, allowed);
    });
  app.notFound(() => {
    throw notFound();
  });
  app.onError((error, { env }) => {
    sendRefusal(shared, env.incoming, env.outgoing, error);
    return RESPONSE_ALREADY_SENT;
  });
  return app;
}

/** Of a path that is no route. Not `NAME_NOT_FOUND`, which is a clerk's answer. */
export function notFound(): Refusal {
  return new Refusal('CONFIG_INVALID', `There is nothing here; ${paths.openapi} lists what there is`, 404);
}

function notAllowed(method: string, path: string, allowed: readonly string[]): Refusal {
  return new Refusal(
    'CONFIG_INVALID',
    `${method} does nothing at ${path}; use ${allowed.join(' or ')}`,
    405,
    {
      allow: allowed.join(', '),
    },
  );
}

function positionOf(id: string): { incarnation: string; revision: string } {
  const at = id.lastIndexOf(':');
  return { incarnation: id.slice(0, Math.max(at, 0)), revision: id.slice(at + 1) };
}

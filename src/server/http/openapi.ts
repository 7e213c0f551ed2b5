import * as z from 'zod/mini';
import { httpStatusOf } from '../../protocol/error-codec.js';
import { limits } from '../../protocol/limits.js';
import { paths } from '../../protocol/paths.js';
import type { ImportOptions } from '../../protocol/naming-messages.js';
import type { ClerkErrorCode } from '../../core/errors.js';
import { auditRoute } from './audit-route.js';
import { fieldDescriptions } from './validate-input.js';
import * as responses from '../../protocol/response-schemas.js';
import { identityRoutes } from './identity-routes.js';
import { routes, type Route } from './routes.js';
import { enrolRequest, enrolResponse } from '../../protocol/identity-schemas.js';
import * as requests from '../../protocol/request-schemas.js';

/** Descriptions of the query keys of an import. */
const importKeys: Readonly<Record<keyof ImportOptions, string>> = {
  dryRun:
    'whether to return only the difference; the list waiting has the changes that must wait for the end of a guarantee',
  whenExpired:
    'whether to schedule changes during a guarantee instead of rejecting them; all changes of existing entries take effect at the same time',
  prune:
    'whether to remove the services, links and directories that no line names; a service with endpoints loses only its definition, and links that moves have left stay',
};

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = Record<string, Json>;
type AddOperation = (path: string, method: string, operation: JsonObject) => void;

/**
 * Generates the OpenAPI 3.1 document from the route table. A test compares the document with `openapi.json`.
 *
 * @param isSecured - whether to include the operations that only a secured server has
 */
export function openApiDocument(version: string, isSecured = true): JsonObject {
  const pathItems: Record<string, JsonObject> = {};
  const add: AddOperation = (path, method, operation) => {
    (pathItems[path] ??= {})[method] = operation;
  };
  for (const route of [...routes, auditRoute])
    add(route.path, route.method.toLowerCase(), operationOf(route));
  if (isSecured) addSecuredOperations(add);
  add(paths.watch, 'post', {
    summary: 'Opens a watch: a stream of server-sent events',
    requestBody: requestBody('application/json', requests.watchRequest),
    responses: { '200': eventStream, ...errorResponses('POST', ['NAME_INVALID', 'LIMIT_EXCEEDED']) },
  });
  add(paths.watch, 'get', {
    summary:
      'Opens a watch, for curl and web pages; with the header last-event-id, the watch resumes after the event with this id',
    parameters: [
      { ...parameter('glob', true), schema: { type: 'array', items: { type: 'string' } }, explode: true },
      { name: 'last-event-id', in: 'header', required: false, schema: { type: 'string' } },
    ],
    responses: { '200': eventStream, ...errorResponses('GET', ['NAME_INVALID', 'LIMIT_EXCEEDED']) },
  });
  add(paths.watchEdit, 'post', {
    summary:
      'Adds and removes globs of an open watch; status 404 with code CLERK_CLOSED when the watch is not open',
    requestBody: requestBody('application/json', requests.watchEditRequest),
    responses: {
      '200': jsonResponse(
        'Accepted; the stream of the watch sends the entries that match the added globs',
        responses.watchEditResponse,
      ),
      ...errorResponses('POST', ['NAME_INVALID', 'LIMIT_EXCEEDED']),
      '404': errorResponse(['CLERK_CLOSED']),
    },
  });
  add(paths.export, 'get', {
    summary:
      'Exports all defined services, links, directories, groups and rights that the caller may see, one per line',
    responses: { '200': ndjsonResponse('Entries', requests.exportLine), ...errorResponses('GET', []) },
  });
  add(paths.import, 'post', {
    summary: `Imports all entries or none, and returns the difference; the body has the format of an export, with at most ${limits.maxChangedNames} lines of at most ${limits.maxBodyBytes} bytes each`,
    parameters: Object.entries(importKeys).map(([name, description]) => ({
      ...parameter(name, false, description),
      schema: { type: 'string', enum: ['true', 'false'] },
    })),
    requestBody: requestBody('application/x-ndjson', requests.exportLine),
    responses: {
      '200': jsonResponse(
        'All entries were imported; with dryRun, no entry was imported',
        responses.importResponse,
      ),
      ...errorResponses('POST', ['NAME_INVALID', 'CHANGE_TOO_EARLY', 'FORBIDDEN', 'LIMIT_EXCEEDED']),
    },
  });
  add(paths.health, 'get', {
    summary:
      'Health check: status 200 while the server is healthy; status 503 with a list of problems while a part of the server does not work. A client without an enrolled key of a secured server gets only the field degraded',
    responses: {
      '200': jsonResponse('Healthy', responses.healthResponse),
      ...errorResponses('GET', []),
      '503': jsonResponse('Degraded', responses.healthResponse),
    },
  });
  add(paths.metrics, 'get', {
    summary: 'Metrics in the Prometheus text format; a secured server requires the right read on /',
    responses: {
      '200': { description: 'Metrics', content: { 'text/plain': { schema: { type: 'string' } } } },
      ...errorResponses('GET', ['FORBIDDEN']),
    },
  });
  add(paths.openapi, 'get', {
    summary: 'This document',
    responses: {
      '200': { description: 'OpenAPI 3.1', content: { 'application/json': { schema: { type: 'object' } } } },
      ...errorResponses('GET', []),
    },
  });
  return {
    openapi: '3.1.0',
    info: {
      title: 'binding-clerk bundled server',
      version,
      description:
        'Looks up, changes and watches names, registers endpoints with leases, and starts services. Only POST requests change state. Every response has the headers clerk-revision, clerk-incarnation and clerk-position. A registry with several servers adds the header clerk-servers, whose value changes with the list of servers; the servers are the endpoints of /clerk/registry. A client sends the last clerk-position that it has received in the same header of its requests, so that a server notices when an older copy has replaced its data. A secured server uses TLS 1.3 and identifies a client by the key of its certificate: it responds with status 401 and code IDENTITY_INVALID to a client without an enrolled key, except at /healthz and /v1/enroll.',
    },
    paths: pathItems,
    components: { schemas: { Error: jsonSchema(responses.errorEnvelope) } },
  };
}

function addSecuredOperations(add: AddOperation): void {
  const onlySecured = { description: 'Exists only in a secured server.' };
  for (const route of identityRoutes)
    add(route.path, route.method.toLowerCase(), { ...operationOf(route), ...onlySecured });
  add(paths.enroll, 'post', {
    summary:
      'Enrols the key of the connection with a one-time token or a launch ticket, or enrols a new key that replaces the key of the connection',
    ...onlySecured,
    requestBody: requestBody('application/json', enrolRequest),
    responses: {
      '200': jsonResponse('The key is enrolled', enrolResponse),
      ...errorResponses('POST', ['IDENTITY_INVALID', 'TICKET_REFUSED', 'LIMIT_EXCEEDED']),
    },
  });
}

function operationOf({
  method,
  summary,
  requestSchema,
  errorCodes: errorCodes,
  queryDescriptions = {},
  responseSchema,
}: Route): JsonObject {
  const schema = jsonSchema(requestSchema);
  return {
    summary,
    ...(method === 'GET'
      ? {
          parameters: Object.keys((schema.properties ?? {}) as JsonObject).map((name) =>
            parameter(name, ((schema.required ?? []) as string[]).includes(name), queryDescriptions[name]),
          ),
        }
      : { requestBody: requestBody('application/json', requestSchema) }),
    responses: { '200': jsonResponse('Success', responseSchema), ...errorResponses(method, errorCodes) },
  };
}

const eventStreamResponse = (): JsonObject => ({
  description:
    'Events: `event` is the type, `id` is `<incarnation>:<revision>`, in most events followed by `:<mark>`, and `data` is one line of JSON with this schema',
  content: { 'text/event-stream': { schema: jsonSchema(responses.watchEvent) } },
});
const eventStream = eventStreamResponse();

function parameter(name: string, required: boolean, ownDescription?: string): JsonObject {
  const description = ownDescription ?? fieldDescriptions[name];
  return {
    name,
    in: 'query',
    required,
    schema: { type: 'string' },
    ...(description !== undefined && { description }),
  };
}

function requestBody(type: string, schema: z.core.$ZodType): JsonObject {
  return { required: true, content: { [type]: { schema: withFieldDescriptions(jsonSchema(schema)) } } };
}

function jsonResponse(description: string, schema: z.core.$ZodType): JsonObject {
  return { description, content: { 'application/json': { schema: jsonSchema(schema) } } };
}

function ndjsonResponse(description: string, schema: z.core.$ZodType): JsonObject {
  return { description, content: { 'application/x-ndjson': { schema: jsonSchema(schema) } } };
}

function errorResponses(method: 'GET' | 'POST', routeCodes: readonly string[]): JsonObject {
  const byStatus = new Map<number, string[]>([
    [400, ['CONFIG_INVALID']],
    [403, ['FORBIDDEN']],
    [500, ['REGISTRY_UNREACHABLE']],
    [503, ['CLERK_CLOSED', ...(method === 'POST' ? ['REGISTRY_UNREACHABLE'] : [])]],
    ...(method === 'POST'
      ? ([
          [413, ['BODY_TOO_LARGE']],
          [415, ['CONFIG_INVALID']],
        ] as [number, string[]][])
      : []),
  ]);
  for (const code of routeCodes) {
    const status = httpStatusOf(code as ClerkErrorCode);
    const codes = byStatus.get(status) ?? [];
    byStatus.set(status, codes.includes(code) ? codes : [...codes, code]);
  }
  return Object.fromEntries([...byStatus].map(([status, codes]) => [String(status), errorResponse(codes)]));
}

function errorResponse(codes: readonly string[]): JsonObject {
  return {
    description: codes.join(', '),
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
  };
}

function jsonSchema(schema: z.core.$ZodType): JsonObject {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' }) as JsonObject;
  return rest;
}

function withFieldDescriptions(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map(withFieldDescriptions);
  const entries = Object.entries(value as JsonObject).map(([key, inner]): [string, Json] => {
    if (key !== 'properties') return [key, withFieldDescriptions(inner)];
    const properties = Object.entries(inner as JsonObject).map(([name, property]): [string, Json] => [
      name,
      {
        ...(withFieldDescriptions(property) as JsonObject),
        ...(Object.hasOwn(fieldDescriptions, name) && { description: fieldDescriptions[name] ?? '' }),
      },
    ]);
    return [key, Object.fromEntries(properties)];
  });
  return Object.fromEntries(entries);
}

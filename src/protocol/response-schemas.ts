/**
 * zod schemas of the responses of a registry. Unknown keys are dropped, because a later server may send additional
 * keys. The compiler checks each schema against the interface of its message.
 */
import * as z from 'zod/mini';
import type { ListEntry, ResolutionStep, ScheduledChange } from '../core/registry.js';
import type { ErrorEnvelope } from './error-envelope.js';
import type { LaunchResponse, StopResponse } from './launch-messages.js';
import type {
  ListResponse,
  ResolveResponse,
  SearchResponse,
  WhoisResponse,
  EndpointMessage,
} from './lookup-messages.js';
import type {
  ChangeResponse,
  DirectoryResponse,
  ImportDifference,
  ImportResponse,
} from './naming-messages.js';
import type { RegisterResponse, RenewResponse } from './registration-messages.js';
import type { StatusResponse } from './status-messages.js';
import type { WatchEvent } from './watch-messages.js';
import { attemptTimeout, retries } from './retry-schemas.js';
import { assertAllTrue, type SchemaMatches } from './schema-types.js';

const string = z.string();
const ms = z.number().check(z.gte(0));
const count = z.int().check(z.gte(0));
const kinds = z.enum(['service', 'link', 'mount', 'directory', 'group']);
const position = { revision: z.string().check(z.regex(/^[0-9]+$/)), incarnation: string };
const markedPosition = { ...position, mark: z.exactOptional(string) };

const endpointMessage = z.object({
  id: string,
  epoch: count,
  addresses: z.array(string),
  enumeratedAddresses: z.exactOptional(z.array(string)),
  namesInstance: z.exactOptional(z.boolean()),
  host: z.nullable(string),
  hostId: z.exactOptional(string),
  zone: z.nullable(string),
  version: z.nullable(string),
  weight: z.number().check(z.gte(0), z.lte(1_000)),
  attributes: z.record(string, string),
  key: z.exactOptional(string),
  formerKey: z.exactOptional(string),
  cert: z.exactOptional(string),
  leaseMs: ms,
  state: z.enum(['up', 'draining', 'suspect', 'starting']),
  load: z.exactOptional(
    z.object({
      utilization: z.number().check(z.gte(0)),
      callsPerSecond: z.number().check(z.gte(0)),
      errorsPerSecond: z.number().check(z.gte(0)),
    }),
  ),
});
const resolutionStep = z.object({ name: string, kind: kinds, guaranteedMs: ms });
const change = z.enum(['replace', 'remove']);
const scheduledChange = z.object({ name: string, change, appliesInMs: ms });
const scheduled = z.exactOptional(z.array(scheduledChange));
const listEntry = z.object({
  name: string,
  kind: kinds,
  endpoints: z.exactOptional(count),
  suspects: z.exactOptional(count),
  starting: z.exactOptional(count),
  outdated: z.exactOptional(count),
  target: z.exactOptional(string),
  members: z.exactOptional(count),
  scheduled: z.exactOptional(z.object({ change, appliesInMs: ms })),
});

export const resolveResponse = z.object({
  name: string,
  canonical: string,
  kind: z.enum(['service', 'directory', 'group']),
  path: z.array(resolutionStep),
  namesBelow: z.exactOptional(z.boolean()),
  endpoints: z.array(endpointMessage),
  starting: z.exactOptional(z.array(endpointMessage)),
  policy: z.nullable(string),
  timeoutMs: z.exactOptional(ms),
  attemptTimeoutMs: z.exactOptional(attemptTimeout),
  retries: z.exactOptional(retries),
  launchable: z.boolean(),
  healthQueried: z.exactOptional(z.array(string)),
  scheduled,
  ...markedPosition,
  guaranteedMs: ms,
  ttlMs: ms,
  ageMs: z.exactOptional(ms),
  stale: z.exactOptional(z.literal(true)),
});
export const listResponse = z.object({
  entries: z.array(listEntry),
  next: z.nullable(string),
  ...markedPosition,
});
export const searchResponse = z.object({
  entries: z.array(z.object({ name: string, endpoints: z.array(endpointMessage) })),
  next: z.nullable(string),
  ...markedPosition,
});
export const whoisResponse = z.object({
  owners: z.array(z.object({ name: string, id: string, epoch: count })),
});
export const statusResponse = z.object({
  version: string,
  ...position,
  services: z.exactOptional(count),
  endpoints: z.exactOptional(count),
  links: z.exactOptional(count),
  watches: z.exactOptional(count),
  scheduled,
  degraded: z.boolean(),
  outdated: z.exactOptional(z.array(z.object({ name: string, id: string, reason: string }))),
  problems: z.exactOptional(
    z.array(z.object({ part: z.enum(['store', 'leases', 'audit']), message: string })),
  ),
});
/** A client without an enrolled key gets only the field `degraded`. */
export const healthResponse = z.union([statusResponse, z.object({ degraded: z.boolean() })]);
export const changeResponse = z.object({ ...position, appliesInMs: ms });
export const directoryResponse = z.object({ ...position, appliesInMs: ms, id: string });
export const registerResponse = z.object({
  epoch: count,
  secret: string,
  leaseMs: ms,
  ...position,
  name: z.exactOptional(string),
  proof: z.exactOptional(string),
});
export const renewResponse = z.object({
  results: z.array(z.enum(['renewed', 'lost', 'fenced'])),
  suspects: z.exactOptional(z.array(count)),
  moved: z.exactOptional(z.array(z.object({ index: count, name: string }))),
  incarnation: string,
});
export const launchResponse = z.object({
  name: string,
  endpoints: z.array(endpointMessage),
  started: z.boolean(),
});
export const stopResponse = z.object({ stopped: count });
const importDifference = z.object({
  kind: z.enum(['service', 'link', 'directory', 'group', 'access']),
  name: string,
  fields: z.exactOptional(z.array(string)),
  appliesInMs: z.exactOptional(ms),
});
const differences = z.array(importDifference);
export const importResponse = z.object({
  entries: count,
  ...position,
  dryRun: z.boolean(),
  added: differences,
  changed: differences,
  removed: differences,
  unchanged: differences,
  waiting: differences,
});
/** Unknown keys of a line are kept, so that another registry can import the line. */
/** The schema requires no name, because lines with rights have none. */
export const exportResponse = z.array(z.looseObject({ kind: string }));
/** An empty object, so that the response does not reveal which endpoints exist. */
export const reportResponse = z.object({});
/** An empty object: the entries of added globs are sent on the event stream. */
export const watchEditResponse = z.object({});
export const errorEnvelope = z.object({
  error: z.object({ code: string, message: string, remainingMs: z.exactOptional(z.number()) }),
});

const watchedLink = z.object({
  kind: z.literal('link'),
  name: string,
  target: string,
  guaranteedMs: ms,
  ...markedPosition,
});
export const watchEvent = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('open'),
    watch: string,
    resumed: z.boolean(),
    heartbeatMs: ms,
    incarnation: string,
    statedAt: ms,
    servers: z.exactOptional(string),
  }),
  z.object({
    type: z.literal('put'),
    name: string,
    entry: z.union([resolveResponse, watchedLink]),
    statedAt: ms,
  }),
  z.object({ type: z.literal('delete'), name: string }),
  z.object({ type: z.literal('resync'), reason: string }),
  z.object({ type: z.literal('current'), globs: z.array(string) }),
  z.object({ type: z.literal('heartbeat'), servers: z.exactOptional(string) }),
]);

assertAllTrue<
  [
    SchemaMatches<typeof endpointMessage, EndpointMessage>,
    SchemaMatches<typeof resolutionStep, ResolutionStep>,
    SchemaMatches<typeof listEntry, ListEntry>,
    SchemaMatches<typeof resolveResponse, ResolveResponse>,
    SchemaMatches<typeof listResponse, ListResponse>,
    SchemaMatches<typeof searchResponse, SearchResponse>,
    SchemaMatches<typeof whoisResponse, WhoisResponse>,
    SchemaMatches<typeof statusResponse, StatusResponse>,
    SchemaMatches<typeof changeResponse, ChangeResponse>,
    SchemaMatches<typeof directoryResponse, DirectoryResponse>,
    SchemaMatches<typeof registerResponse, RegisterResponse>,
    SchemaMatches<typeof renewResponse, RenewResponse>,
    SchemaMatches<typeof launchResponse, LaunchResponse>,
    SchemaMatches<typeof stopResponse, StopResponse>,
    SchemaMatches<typeof scheduledChange, ScheduledChange>,
    SchemaMatches<typeof importDifference, ImportDifference>,
    SchemaMatches<typeof importResponse, ImportResponse>,
    SchemaMatches<typeof errorEnvelope, ErrorEnvelope>,
    SchemaMatches<typeof watchEvent, WatchEvent>,
  ]
>();

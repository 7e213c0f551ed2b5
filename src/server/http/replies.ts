/** What answers look like, for the OpenAPI document and for tests; nothing is checked against it while serving. */
import * as z from 'zod/mini';
import type { Arc, ListEntry } from '../../core/registry.js';
import type {
  ChangeReply,
  DirectoryReply,
  FailureReply,
  ImportReply,
  LaunchReply,
  ListReply,
  RegisterReply,
  RenewReply,
  ResolveReply,
  SearchReply,
  StatusReply,
  StopReply,
  WatchEvent,
  WhoisReply,
  WireEndpoint,
} from '../../wire/messages.js';
import { all, type Same } from './same.js';

const text = z.string();
const ms = z.number().check(z.gte(0));
const count = z.int().check(z.gte(0));
const kinds = z.enum(['service', 'link', 'mount', 'directory']);
/** Where an answer stands in the order of changes. */
const at = { revision: z.string().check(z.regex(/^[0-9]+$/)), incarnation: text };

const wireEndpoint = z.strictObject({
  id: text,
  epoch: count,
  addresses: z.array(text),
  host: z.nullable(text),
  zone: z.nullable(text),
  version: z.nullable(text),
  weight: z.number().check(z.gte(0)),
  attributes: z.record(text, text),
  leaseMs: ms,
  state: z.enum(['up', 'draining', 'suspect']),
  load: z.exactOptional(
    z.strictObject({
      utilization: z.number().check(z.gte(0)),
      callsPerSecond: z.number().check(z.gte(0)),
      errorsPerSecond: z.number().check(z.gte(0)),
    }),
  ),
});
const arc = z.strictObject({ name: text, kind: kinds, promiseMs: ms });
const listEntry = z.strictObject({
  name: text,
  kind: kinds,
  endpoints: z.exactOptional(count),
  suspects: z.exactOptional(count),
  target: z.exactOptional(text),
});

export const resolveReply = z.strictObject({
  name: text,
  canonical: text,
  kind: z.enum(['service', 'directory']),
  trail: z.array(arc),
  endpoints: z.array(wireEndpoint),
  policy: z.nullable(text),
  timeoutMs: z.exactOptional(ms),
  launchable: z.boolean(),
  doubted: z.exactOptional(z.array(text)),
  ...at,
  promiseMs: ms,
  ttlMs: ms,
});
export const listReply = z.strictObject({ entries: z.array(listEntry), next: z.nullable(text), ...at });
export const searchReply = z.strictObject({
  entries: z.array(z.strictObject({ name: text, endpoints: z.array(wireEndpoint) })),
  ...at,
});
export const whoisReply = z.strictObject({
  owners: z.array(z.strictObject({ name: text, id: text, epoch: count })),
});
export const statusReply = z.strictObject({
  version: text,
  ...at,
  services: count,
  endpoints: count,
  links: count,
  watches: count,
  degraded: z.boolean(),
});
export const changeReply = z.strictObject({ ...at, inMs: ms });
export const directoryReply = z.strictObject({ ...at, inMs: ms, id: text });
export const registerReply = z.strictObject({
  epoch: count,
  leaseMs: ms,
  ...at,
  proof: z.exactOptional(text),
});
export const renewReply = z.strictObject({
  results: z.array(z.enum(['renewed', 'lost', 'fenced'])),
  suspects: z.exactOptional(z.array(count)),
  incarnation: text,
});
export const launchReply = z.strictObject({
  name: text,
  endpoints: z.array(wireEndpoint),
  started: z.boolean(),
});
export const stopReply = z.strictObject({ stopped: count });
export const importReply = z.strictObject({ entries: count, revision: at.revision });
/** Of a report: whether anything of it is known here is not said. */
export const reportReply = z.strictObject({});
/** Of an edit: the watch's own stream says what came of it. */
export const editReply = z.strictObject({});
export const failureReply = z.strictObject({
  error: z.strictObject({ code: text, message: text, remainingMs: z.exactOptional(z.number()) }),
});

const watchedLink = z.strictObject({
  kind: z.literal('link'),
  name: text,
  target: text,
  promiseMs: ms,
  ...at,
});
export const watchEvent = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('open'),
    watch: text,
    resumed: z.boolean(),
    heartbeatMs: ms,
    incarnation: text,
  }),
  z.strictObject({ type: z.literal('put'), name: text, entry: z.union([resolveReply, watchedLink]) }),
  z.strictObject({ type: z.literal('delete'), name: text }),
  z.strictObject({ type: z.literal('resync'), reason: text }),
  z.strictObject({ type: z.literal('current'), globs: z.array(text) }),
  z.strictObject({ type: z.literal('heartbeat') }),
]);

all<
  [
    Same<typeof wireEndpoint, WireEndpoint>,
    Same<typeof arc, Arc>,
    Same<typeof listEntry, ListEntry>,
    Same<typeof resolveReply, ResolveReply>,
    Same<typeof listReply, ListReply>,
    Same<typeof searchReply, SearchReply>,
    Same<typeof whoisReply, WhoisReply>,
    Same<typeof statusReply, StatusReply>,
    Same<typeof changeReply, ChangeReply>,
    Same<typeof directoryReply, DirectoryReply>,
    Same<typeof registerReply, RegisterReply>,
    Same<typeof renewReply, RenewReply>,
    Same<typeof launchReply, LaunchReply>,
    Same<typeof stopReply, StopReply>,
    Same<typeof importReply, ImportReply>,
    Same<typeof failureReply, FailureReply>,
    Same<typeof watchEvent, WatchEvent>,
  ]
>();

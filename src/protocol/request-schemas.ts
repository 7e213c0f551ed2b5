/**
 * zod schemas of the requests to a registry. Unknown keys are rejected, so that a misspelled key does not count as
 * absent. The schemas do not validate names, globs and addresses; the registry does so later. The compiler checks each
 * schema against the interface of its message.
 */
import * as z from 'zod/mini';
import { accessRights, type AccessRight } from '../core/access-right.js';
import { limits } from './limits.js';
import type { LaunchRequest, ResetRequest, StopRequest } from './launch-messages.js';
import type {
  CancelRequest,
  DefineRequest,
  DirectoryRequest,
  ExportLine,
  ImportOptions,
  LaunchRule,
  LinkRequest,
  MoveRequest,
  RemoveRequest,
} from './naming-messages.js';
import type {
  RegisterRequest,
  RenewRequest,
  ReportRequest,
  WithdrawRequest,
} from './registration-messages.js';
import type { WatchEditRequest, WatchRequest } from './watch-messages.js';
import { attemptTimeout, retries } from './retry-schemas.js';
import { assertAllTrue, type SchemaMatches } from './schema-types.js';

const string = z.string();
const optionalBoolean = z.exactOptional(z.boolean());
const optionalLabel = z.exactOptional(z.nullable(z.string().check(z.minLength(1), z.maxLength(253))));
const epoch = z.int().check(z.gte(0));
const id = z.string().check(z.regex(/^[\x21-\x7e]{1,128}$/));
const secret = z.exactOptional(z.string().check(z.minLength(1), z.maxLength(128)));
const leaseMs = z.int().check(z.gte(limits.minLeaseMs), z.lte(limits.maxLeaseMs));
const guaranteedMs = z.exactOptional(z.int().check(z.gte(0), z.lte(limits.maxLeaseMs)));
const globs = z.array(string).check(z.minLength(1), z.maxLength(limits.maxGlobs));

const launchRule = z.strictObject({
  manifest: z.string().check(z.minLength(1), z.maxLength(limits.maxManifestNameLength)),
  params: z.exactOptional(z.record(string, z.union([string, z.number()]))),
});

const serviceFields = {
  name: string,
  policy: z.exactOptional(z.nullable(z.string().check(z.minLength(1), z.maxLength(64)))),
  timeoutMs: z.exactOptional(z.nullable(z.int().check(z.gte(1), z.lte(limits.maxLeaseMs)))),
  attemptTimeoutMs: z.exactOptional(z.nullable(attemptTimeout)),
  retries: z.exactOptional(z.nullable(retries)),
  guaranteedMs,
  launch: z.exactOptional(z.nullable(launchRule)),
};
const linkFields = { name: string, target: string, guaranteedMs };
const queryFlag = z.exactOptional(
  z.pipe(
    z.enum(['true', 'false']),
    z.transform((text: 'true' | 'false') => text === 'true'),
  ),
);

export const defineRequest = z.strictObject({ ...serviceFields, whenExpired: optionalBoolean });
export const linkRequest = z.strictObject({ ...linkFields, whenExpired: optionalBoolean });
export const directoryRequest = z.strictObject({ name: string, guaranteedMs, whenExpired: optionalBoolean });
export const cancelRequest = z.strictObject({ name: string, recursive: optionalBoolean });
/** The query of an import. */
export const importOptions = z.strictObject({ dryRun: queryFlag, whenExpired: queryFlag, prune: queryFlag });
export const moveRequest = z.strictObject({ from: string, to: string });
export const removeRequest = z.strictObject({
  name: string,
  recursive: optionalBoolean,
  force: optionalBoolean,
  whenExpired: optionalBoolean,
});
export const registerRequest = z.strictObject({
  name: string,
  id,
  epoch: z.exactOptional(epoch),
  secret,
  addresses: z.array(string).check(z.minLength(1), z.maxLength(16)),
  leaseMs: z.exactOptional(leaseMs),
  enumeratedAddresses: z.exactOptional(z.array(string).check(z.maxLength(16))),
  namesInstance: optionalBoolean,
  countsCalls: optionalBoolean,
  state: z.exactOptional(z.enum(['up', 'starting'])),
  host: optionalLabel,
  hostId: z.exactOptional(z.string().check(z.minLength(1), z.maxLength(128))),
  zone: optionalLabel,
  version: optionalLabel,
  weight: z.exactOptional(z.number().check(z.gte(0), z.lte(1_000))),
  attributes: z.exactOptional(z.record(string, string)),
  ticket: z.exactOptional(z.string().check(z.minLength(1), z.maxLength(128))),
});
const rate = z.number().check(z.gte(0), z.lte(1e9));
const load = z.strictObject({
  utilization: z.number().check(z.gte(0), z.lte(100)),
  callsPerSecond: rate,
  errorsPerSecond: rate,
});
const activity = z.strictObject({
  inFlight: z.int().check(z.gte(0)),
  idleMs: z.int().check(z.gte(0)),
});
const renewal = z.strictObject({
  name: string,
  id,
  epoch,
  secret,
  load: z.exactOptional(load),
  activity: z.exactOptional(activity),
  servedAgoMs: z.exactOptional(z.int().check(z.gte(0))),
  claimsHealthy: optionalBoolean,
});

export const renewRequest = z.strictObject({
  renewals: z.array(renewal).check(z.minLength(1), z.maxLength(limits.maxBatch)),
});
export const reportRequest = z.strictObject({
  clerk: z.string().check(z.regex(/^[\x21-\x7e]{1,64}$/)),
  reports: z
    .array(z.strictObject({ name: string, id, epoch, verdict: z.enum(['unreachable', 'reachable']) }))
    .check(z.minLength(1), z.maxLength(limits.maxReports)),
});
export const withdrawRequest = z.strictObject({ name: string, id, epoch, secret, now: optionalBoolean });
export const watchRequest = z.strictObject({
  globs,
  since: z.exactOptional(
    z.strictObject({
      incarnation: z.string().check(z.regex(/^[\x21-\x39\x3b-\x7e]{1,128}$/)),
      revision: z.string().check(z.regex(/^[0-9]{1,40}$/)),
    }),
  ),
});
export const watchEditRequest = z.strictObject({
  watch: z.string().check(z.minLength(1), z.maxLength(128)),
  add: z.exactOptional(z.array(string).check(z.maxLength(limits.maxGlobs))),
  remove: z.exactOptional(z.array(string).check(z.maxLength(limits.maxGlobs))),
});
export const launchRequest = z.strictObject({
  name: string,
  waitMs: z.exactOptional(z.int().check(z.gte(0), z.lte(3_600_000))),
});
export const stopRequest = z.strictObject({ name: string });
export const resetRequest = z.strictObject({ name: string, rolling: optionalBoolean });
export const exportLine = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('service'), ...serviceFields }),
  z.strictObject({ kind: z.literal('link'), ...linkFields, moved: optionalBoolean }),
  z.strictObject({ kind: z.literal('directory'), name: string, id: string, guaranteedMs }),
  z.strictObject({ kind: z.literal('group'), name: string, members: z.array(string), guaranteedMs }),
  z.strictObject({
    kind: z.literal('access'),
    directory: string,
    principal: string,
    path: string,
    rights: z.array(z.enum(accessRights as [AccessRight, ...AccessRight[]])),
  }),
]);

assertAllTrue<
  [
    SchemaMatches<typeof launchRule, LaunchRule>,
    SchemaMatches<typeof defineRequest, DefineRequest>,
    SchemaMatches<typeof linkRequest, LinkRequest>,
    SchemaMatches<typeof directoryRequest, DirectoryRequest>,
    SchemaMatches<typeof moveRequest, MoveRequest>,
    SchemaMatches<typeof cancelRequest, CancelRequest>,
    SchemaMatches<typeof importOptions, ImportOptions>,
    SchemaMatches<typeof removeRequest, RemoveRequest>,
    SchemaMatches<typeof registerRequest, RegisterRequest>,
    SchemaMatches<typeof renewRequest, RenewRequest>,
    SchemaMatches<typeof reportRequest, ReportRequest>,
    SchemaMatches<typeof withdrawRequest, WithdrawRequest>,
    SchemaMatches<typeof watchRequest, WatchRequest>,
    SchemaMatches<typeof watchEditRequest, WatchEditRequest>,
    SchemaMatches<typeof launchRequest, LaunchRequest>,
    SchemaMatches<typeof stopRequest, StopRequest>,
    SchemaMatches<typeof resetRequest, ResetRequest>,
    SchemaMatches<typeof exportLine, ExportLine>,
  ]
>();

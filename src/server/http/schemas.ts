/**
 * What requests must look like. A key that is not named here is refused, so that a slip of the pen is not taken for a
 * default. Names, globs and addresses are only texts here: the names themselves say what is wrong with one.
 *
 * `Same` holds each schema to the interface of the same name in wire/messages.ts when it is compiled.
 */
import * as z from 'zod/mini';
import { limits } from '../../wire/limits.js';
import type {
  DefineRequest,
  DirectoryRequest,
  ExportLine,
  LaunchRequest,
  LaunchRule,
  LinkRequest,
  MoveRequest,
  RegisterRequest,
  RemoveRequest,
  RenewRequest,
  ReportRequest,
  StopRequest,
  WatchEdit,
  WatchRequest,
  WithdrawRequest,
} from '../../wire/messages.js';
import { all, type Same } from './same.js';

const text = z.string();
const flag = z.exactOptional(z.boolean());
const label = z.exactOptional(z.nullable(z.string().check(z.minLength(1), z.maxLength(253))));
const epoch = z.int().check(z.gte(0));
const id = z.string().check(z.regex(/^[\x21-\x7e]{1,128}$/));
const leaseMs = z.int().check(z.gte(limits.leastLeaseMs), z.lte(limits.mostLeaseMs));
const promiseMs = z.exactOptional(z.int().check(z.gte(0), z.lte(limits.mostLeaseMs)));
const globs = z.array(text).check(z.minLength(1), z.maxLength(limits.mostGlobs));

const launchRule = z.strictObject({
  manifest: z.string().check(z.minLength(1), z.maxLength(128)),
  params: z.exactOptional(z.record(text, z.union([text, z.number()]))),
});

const defined = {
  name: text,
  policy: z.exactOptional(z.nullable(z.string().check(z.minLength(1), z.maxLength(64)))),
  timeoutMs: z.exactOptional(z.nullable(z.int().check(z.gte(1), z.lte(limits.mostLeaseMs)))),
  promiseMs,
  launch: z.exactOptional(z.nullable(launchRule)),
};
const linked = { name: text, target: text, promiseMs };

/** @see DefineRequest */
export const defineRequest = z.strictObject({ ...defined, whenExpired: flag });
/** @see LinkRequest */
export const linkRequest = z.strictObject({ ...linked, whenExpired: flag });
/** @see DirectoryRequest */
export const directoryRequest = z.strictObject({ name: text });
/** @see MoveRequest */
export const moveRequest = z.strictObject({ from: text, to: text });
/** @see RemoveRequest */
export const removeRequest = z.strictObject({ name: text, recursive: flag, force: flag, whenExpired: flag });
/** @see RegisterRequest */
export const registerRequest = z.strictObject({
  name: text,
  id,
  epoch: z.exactOptional(epoch),
  addresses: z.array(text).check(z.minLength(1), z.maxLength(16)),
  leaseMs: z.exactOptional(leaseMs),
  host: label,
  zone: label,
  version: label,
  weight: z.exactOptional(z.number().check(z.gte(0))),
  attributes: z.exactOptional(z.record(text, text)),
  ticket: z.exactOptional(z.string().check(z.minLength(1), z.maxLength(128))),
});
const rate = z.number().check(z.gte(0), z.lte(1e9));
const load = z.strictObject({
  utilization: z.number().check(z.gte(0), z.lte(100)),
  callsPerSecond: rate,
  errorsPerSecond: rate,
});
const renewal = z.strictObject({ name: text, id, epoch, load: z.exactOptional(load), well: flag });

/** @see RenewRequest */
export const renewRequest = z.strictObject({
  renewals: z.array(renewal).check(z.minLength(1), z.maxLength(limits.mostBatch)),
});
/** @see ReportRequest */
export const reportRequest = z.strictObject({
  clerk: z.string().check(z.regex(/^[\x21-\x7e]{1,64}$/)),
  opinions: z
    .array(z.strictObject({ name: text, id, epoch, verdict: z.enum(['unreachable', 'reachable']) }))
    .check(z.minLength(1), z.maxLength(limits.mostOpinions)),
});
/** @see WithdrawRequest */
export const withdrawRequest = z.strictObject({ name: text, id, epoch, now: flag });
/** @see WatchRequest */
export const watchRequest = z.strictObject({
  globs,
  since: z.exactOptional(
    z.strictObject({
      incarnation: z.string().check(z.regex(/^[\x21-\x39\x3b-\x7e]{1,128}$/)),
      revision: z.string().check(z.regex(/^[0-9]{1,40}$/)),
    }),
  ),
});
/** @see WatchEdit */
export const watchEdit = z.strictObject({
  watch: z.string().check(z.minLength(1), z.maxLength(128)),
  add: z.exactOptional(z.array(text).check(z.maxLength(limits.mostGlobs))),
  remove: z.exactOptional(z.array(text).check(z.maxLength(limits.mostGlobs))),
});
/** @see LaunchRequest */
export const launchRequest = z.strictObject({
  name: text,
  waitMs: z.exactOptional(z.int().check(z.gte(0), z.lte(3_600_000))),
});
/** @see StopRequest */
export const stopRequest = z.strictObject({ name: text });
/** @see ExportLine */
export const exportLine = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('service'), ...defined }),
  z.strictObject({ kind: z.literal('link'), ...linked }),
  z.strictObject({ kind: z.literal('directory'), name: text, id: text }),
]);

all<
  [
    Same<typeof launchRule, LaunchRule>,
    Same<typeof defineRequest, DefineRequest>,
    Same<typeof linkRequest, LinkRequest>,
    Same<typeof directoryRequest, DirectoryRequest>,
    Same<typeof moveRequest, MoveRequest>,
    Same<typeof removeRequest, RemoveRequest>,
    Same<typeof registerRequest, RegisterRequest>,
    Same<typeof renewRequest, RenewRequest>,
    Same<typeof reportRequest, ReportRequest>,
    Same<typeof withdrawRequest, WithdrawRequest>,
    Same<typeof watchRequest, WatchRequest>,
    Same<typeof watchEdit, WatchEdit>,
    Same<typeof launchRequest, LaunchRequest>,
    Same<typeof stopRequest, StopRequest>,
    Same<typeof exportLine, ExportLine>,
  ]
>();

import type { AccessRight } from '../../core/access-right.js';
import { isObject } from '../../core/is-object.js';
import type { AuditDetail } from '../../protocol/audit-messages.js';
import { paths } from '../../protocol/paths.js';

/** What the audit log records of a change. Records only the listed fields, so that no secret gets into the log. */
export interface AuditedOperation {
  readonly name: string;
  /** Right that the change requires on its first name. */
  readonly right?: AccessRight;
  /** Returns what permits the change in place of a right. */
  readonly grantedBy?: (request: unknown) => string;
  readonly requestFields?: readonly string[];
  readonly responseFields?: readonly string[];
  /** Whether the response reports a change. Default: always true. */
  readonly isChange?: (response: Readonly<Record<string, unknown>>) => boolean;
}

/** The changes that clients can request, by path. All are POST requests. */
export const auditedOperations: ReadonlyMap<string, AuditedOperation> = new Map([
  [
    paths.define,
    {
      name: 'define',
      right: 'write',
      requestFields: ['policy', 'timeoutMs', 'guaranteedMs', 'whenExpired', 'launch'],
    },
  ],
  [paths.link, { name: 'link', right: 'write', requestFields: ['target', 'guaranteedMs', 'whenExpired'] }],
  [
    paths.directory,
    {
      name: 'directory',
      right: 'write',
      requestFields: ['guaranteedMs', 'whenExpired'],
      responseFields: ['id'],
    },
  ],
  [paths.cancel, { name: 'cancel', right: 'write', requestFields: ['recursive'] }],
  [paths.move, { name: 'move', right: 'write', requestFields: ['whenExpired'] }],
  [paths.remove, { name: 'remove', right: 'write', requestFields: ['recursive', 'force', 'whenExpired'] }],
  [
    paths.register,
    {
      name: 'register',
      right: 'advertise',
      requestFields: ['id', 'addresses', 'state'],
      responseFields: ['epoch'],
    },
  ],
  [paths.withdraw, { name: 'withdraw', right: 'advertise', requestFields: ['id', 'epoch', 'now'] }],
  [paths.launch, { name: 'launch', right: 'launch', isChange: ({ started }) => started === true }],
  [
    paths.stop,
    {
      name: 'stop',
      right: 'launch',
      responseFields: ['stopped'],
      isChange: ({ stopped }) => stopped !== 0,
    },
  ],
  [paths.reset, { name: 'reset', right: 'launch', requestFields: ['rolling'] }],
  [paths.import, { name: 'import', right: 'write', responseFields: ['entries'] }],
  [paths.tokens, { name: 'token', right: 'admin', responseFields: ['expiresAt'] }],
  [
    paths.enroll,
    { name: 'enroll', grantedBy: enrolmentOf, requestFields: ['instance', 'epoch'], responseFields: ['key'] },
  ],
  [paths.revoke, { name: 'revoke', right: 'admin', requestFields: ['key'], responseFields: ['revoked'] }],
  [paths.groups, { name: 'group', right: 'write', requestFields: ['members'] }],
  [
    paths.access,
    {
      name: 'acl',
      right: 'admin',
      requestFields: ['change', 'principal', 'rights', 'directory'],
    },
  ],
] satisfies [string, AuditedOperation][]);

function enrolmentOf(request: unknown): string {
  if (!isObject(request)) return 'token';
  return 'rotate' in request ? 'former key' : 'ticket' in request ? 'launch ticket' : 'token';
}

/**
 * Returns the name of an operation for a log line. For an unknown path, returns `unknown` and not the path, which the
 * client has chosen.
 */
export function operationName(method: string, path: string): string {
  const operation = method === 'POST' ? auditedOperations.get(path) : undefined;
  if (operation !== undefined) return operation.name;
  return knownPaths.has(path) ? path.slice(path.lastIndexOf('/') + 1) : 'unknown';
}

const knownPaths: ReadonlySet<string> = new Set(Object.values(paths));

/**
 * Fields of a request that contain names, in the order in which they are recorded. The right is required on the first
 * name.
 */
const nameFields = ['name', 'from', 'to', 'service', 'path', 'glob', 'globs'] as const;

/** Returns the names in a request. The request is not validated yet, so the names may be invalid. */
export function namesIn(request: unknown): readonly string[] {
  if (Array.isArray(request)) return request.flatMap(namesIn);
  if (!isObject(request)) return [];
  const names: string[] = [];
  for (const field of nameFields) if (request[field] !== undefined) names.push(...textsOf(request[field]));
  if (request.renewals !== undefined) names.push(...namesIn(request.renewals));
  // The principal counts as the name only if the request has no other name.
  return names.length > 0 ? names : textsOf(request.principal);
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** Adds fields of a request or response to an entry. Of a launch rule, adds only the name of the manifest. */
export function addDetails(
  entry: { details?: Readonly<Record<string, AuditDetail>> },
  source: unknown,
  fields: readonly string[] = [],
): void {
  if (!isObject(source)) return;
  for (const field of fields) {
    const detail = detailOf(source[field]);
    if (detail !== undefined) ((entry.details ??= {}) as Record<string, AuditDetail>)[field] = detail;
  }
}

function detailOf(value: unknown): AuditDetail | undefined {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (value === null) return 'none';
  if (Array.isArray(value)) return textsOf(value);
  return isObject(value) && typeof value.manifest === 'string' ? value.manifest : undefined;
}

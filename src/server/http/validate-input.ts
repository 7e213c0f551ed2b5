import type * as z from 'zod/mini';
import { accessRights } from '../../core/access-right.js';
import { describeValue, quote } from '../../core/describe-value.js';
import { enrolTokenTtl } from '../../protocol/enrol-token.js';
import { limits } from '../../protocol/limits.js';
import { expectedType, formatPath } from '../../protocol/schema-issues.js';
import { HttpError } from './http-error.js';

const durationRange = (minMs: number): string =>
  `an integer from ${minMs} to ${limits.maxLeaseMs}, in ms (7 days)`;

/** Valid values of each field, as text for error messages and the OpenAPI document. */
export const fieldDescriptions: Readonly<Record<string, string>> = Object.freeze({
  name: "a name such as '/shop/orders'",
  from: "the current name, such as '/shop/orders'",
  to: "the new name, such as '/shop/sales'",
  target: "the name that the link leads to, such as '/shop/orders'",
  glob: "a glob such as '/shop/**'",
  globs: `an array of 1 to ${limits.maxGlobs} names and globs such as '/shop/**', at most ${limits.maxWildcardGlobs} with wildcards`,
  add: `an array of at most ${limits.maxGlobs} names and globs`,
  remove: `an array of at most ${limits.maxGlobs} names and globs`,
  after: "the value of 'next' in the previous page",
  address: "an address such as 'http://127.0.0.1:3001'",
  addresses: "an array of 1 to 16 addresses such as 'http://127.0.0.1:3001', the preferred address first",
  id: 'a string of 1 to 128 printable ASCII characters without blanks',
  epoch: 'the epoch that the registration returned, an integer',
  secret: 'the secret that the registration returned, 1 to 128 characters',
  leaseMs: durationRange(limits.minLeaseMs),
  guaranteedMs: durationRange(0),
  timeoutMs: `${durationRange(1)}, or null`,
  attemptTimeoutMs: "a number of ms above 0, an object with 'min' and 'max', or null",
  retries: "false, null, or an object with 'max', 'statuses' and 'budget'",
  statuses: 'an array of statuses from 400 to 599',
  budget: "an object with 'ratio' and 'minPerSecond'",
  waitMs: 'an integer from 0 to 3600000 (1 hour), in ms',
  weight: 'a number ≥ 0',
  enumeratedAddresses: "an array of the entries of 'addresses' that were found on network interfaces",
  namesInstance: 'true or false',
  countsCalls: 'true or false',
  host: 'a string of 1 to 253 characters, or null',
  hostId: 'a string of 1 to 128 characters',
  zone: 'a string of 1 to 253 characters, or null',
  version: "a version such as '2.1.0', or null",
  policy: "a policy such as 'local-first', or null",
  launch: "null, or an object with 'manifest' and optionally 'params'",
  manifest: 'the name of a manifest, 1 to 64 characters',
  params: 'an object with string or number values',
  attributes: 'an object with string values',
  ticket: 'the launch ticket that the launcher sent to the service on standard input, 1 to 128 characters',
  renewals: `an array of 1 to ${limits.maxBatch} objects with 'name', 'id' and 'epoch'`,
  since: "an object with the 'incarnation' and 'revision' of the last event received",
  incarnation: "the part before the first ':' in the id of the last event",
  revision: "the digits after the first ':' in the id of the last event",
  watch: "the watch id from the 'open' event",
  kind: "'service', 'link', 'directory', 'group' or 'access'",
  service: "the name of a service such as '/shop/orders'",
  principal: "the name of a principal such as '/shop/web', or a glob of principals",
  path: "a name or glob such as '/shop/**'",
  right: `one of ${accessRights.join(', ')}`,
  rights: `an array of ${accessRights.join(', ')}`,
  change: "'allow' or 'remove'",
  directory: "the directory that holds the rights, such as '/shop'",
  members: `an array of at most ${limits.maxBatch} names of principals and groups`,
  key: 'the pin of a key: sha256/ and 43 characters of base64url',
  token: 'a token of an operator',
  ttlMs: `an integer from ${enrolTokenTtl.minMs} to ${enrolTokenTtl.maxMs}, in ms`,
  recursive: 'true or false',
  moved: 'true or false',
  dryRun: "'true' or 'false'",
  prune: "'true' or 'false'",
  force: 'true or false',
  rolling: 'true or false',
  whenExpired: 'true or false',
  now: 'true or false',
});

/**
 * @param subject - what the value is, such as `The query`; error messages about the whole value begin with it
 * @throws {@link ClerkError} `CONFIG_INVALID`, with the first invalid field, its valid values and the received value
 *   in the message
 */
export function validateInput<Schema extends z.core.$ZodType>(
  schema: Schema & { safeParse(value: unknown): z.core.util.SafeParseResult<z.core.output<Schema>> },
  value: unknown,
  subject = 'The body',
): z.core.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new HttpError(
    'CONFIG_INVALID',
    issue === undefined ? `${subject} is invalid` : issueMessage(issue, value, subject),
  );
}

function issueMessage(issue: z.core.$ZodIssue, value: unknown, subject: string): string {
  const path = [...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    return `${subject} has the unknown field ${quote(formatPath([...path, key]))}; remove the field, or check the spelling`;
  }
  if (issue.code === 'invalid_union') {
    // If a field inside the value is invalid, the message describes this field. If none is, the message lists the
    // alternatives of the union.
    const inner = issue.errors
      .flat()
      .find(({ path: innerPath, code }) => innerPath.length > 0 || code === 'unrecognized_keys');
    if (inner !== undefined)
      return issueMessage({ ...inner, path: [...path, ...inner.path] }, value, subject);
  }
  if (path.length === 0) return `${subject} must be an object; got ${describeReceived(value)}`;
  let fieldValue = value;
  for (const key of path) fieldValue = (fieldValue as Record<PropertyKey, unknown> | undefined)?.[key];
  const fieldName = path.findLast(
    (key) => typeof key === 'string' && Object.hasOwn(fieldDescriptions, key),
  ) as string | undefined;
  const expected =
    fieldName === path.at(-1) && fieldName !== undefined
      ? (fieldDescriptions[fieldName] ?? '')
      : (typeDescription(issue) ?? fieldDescriptions[fieldName ?? ''] ?? 'valid');
  return `Field ${quote(formatPath(path))} must be ${expected}; got ${describeReceived(fieldValue)}`;
}

function typeDescription(issue: z.core.$ZodIssue): string | undefined {
  return issue.code === 'invalid_union' ? 'a string or a finite number' : expectedType(issue);
}

/** JSON has no `undefined`, so a missing value is nothing. */
function describeReceived(value: unknown): string {
  return value === undefined ? 'nothing' : describeValue(value);
}

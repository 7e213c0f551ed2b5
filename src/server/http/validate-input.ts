/** Says what is wrong with a request in words: which field, what it is, what to write instead. */
import type * as z from 'zod/mini';
import { quote } from '../../core/describe-value.js';
import { limits } from '../../protocol/limits.js';
import { HttpError } from './http-error.js';

const durationRange = (minMs: number): string =>
  `a whole number of ms from ${minMs} to ${limits.maxLeaseMs} (7 days)`;

/** What belongs into each field; also the OpenAPI document's words. */
export const fieldDescriptions: Readonly<Record<string, string>> = Object.freeze({
  name: "a name such as '/shop/orders'",
  from: "the name that is moved, such as '/shop/orders'",
  to: "its new name, such as '/shop/sales'",
  target: "the name that it stands for, such as '/shop/orders'",
  glob: "a glob such as '/shop/**'",
  globs: `a list of 1 to ${limits.maxGlobs} names and globs such as '/shop/**'`,
  add: `a list of at most ${limits.maxGlobs} names and globs`,
  remove: `a list of at most ${limits.maxGlobs} names and globs`,
  after: "the last name of the page before, its 'next'",
  address: "an address such as 'http://127.0.0.1:3001'",
  addresses: "a list of 1 to 16 addresses such as 'http://127.0.0.1:3001', best first",
  id: '1 to 128 printable ASCII characters without blanks',
  epoch: 'the whole number that the registration was answered with',
  leaseMs: durationRange(limits.minLeaseMs),
  guaranteedMs: durationRange(0),
  timeoutMs: `${durationRange(1)}, or null`,
  waitMs: 'a whole number of ms from 0 to 3600000 (1 hour)',
  weight: 'a number ≥ 0',
  host: 'a text of 1 to 253 characters, or null',
  zone: 'a text of 1 to 253 characters, or null',
  version: "a version such as '2.1.0', or null",
  policy: "a policy such as 'local-first', or null",
  launch: "null, or an object with 'manifest' and perhaps 'params'",
  manifest: 'the name of a manifest, 1 to 128 characters',
  params: 'an object of texts and numbers',
  attributes: 'an object of texts',
  ticket: 'the ticket that the launcher gave, 1 to 128 characters',
  renewals: `a list of 1 to ${limits.maxBatch} objects with 'name', 'id' and 'epoch'`,
  since: "an object with the 'incarnation' and 'revision' of the last event seen",
  incarnation: "the part of the last event's id before the ':'",
  revision: "the part of the last event's id behind the ':', digits",
  watch: "the word that the watch's 'open' event gave",
  kind: "'service', 'link' or 'directory'",
  recursive: 'true or false',
  force: 'true or false',
  whenExpired: 'true or false',
  now: 'true or false',
});

/**
 * What a schema makes of a value.
 *
 * @param subject - what messages call the whole value
 * @throws `CONFIG_INVALID`, naming the first field at fault
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
    issue === undefined ? `${subject} is not as it should be` : issueMessage(issue, value, subject),
  );
}

function issueMessage(issue: z.core.$ZodIssue, value: unknown, subject: string): string {
  const path = [...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    return `${subject} has an unknown field ${quote(formatPath([...path, key]))}; leave it off, or look how it is written`;
  }
  if (path.length === 0) return `${subject} is ${describe(value)}; write an object`;
  let fieldValue = value;
  for (const key of path) fieldValue = (fieldValue as Record<PropertyKey, unknown> | undefined)?.[key];
  const fieldName = path.findLast(
    (key) => typeof key === 'string' && Object.hasOwn(fieldDescriptions, key),
  ) as string | undefined;
  const expected =
    fieldName === path.at(-1) && fieldName !== undefined
      ? (fieldDescriptions[fieldName] ?? '')
      : (typeDescription(issue) ?? fieldDescriptions[fieldName ?? ''] ?? 'something else');
  return `Field ${quote(formatPath(path))} ${fieldValue === undefined ? 'is missing' : `is ${describe(fieldValue)}`}; write ${expected}`;
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  array: 'a list',
  boolean: 'true or false',
  object: 'an object',
};

/** What the schema itself says, for items of lists and values of maps. */
function typeDescription(issue: z.core.$ZodIssue): string | undefined {
  if (issue.code === 'invalid_type') return typeNames[issue.expected];
  return issue.code === 'invalid_union' ? 'a text or a finite number' : undefined;
}

/** A path as a program would write it. */
function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`,
    '',
  );
}

function describe(value: unknown): string {
  if (typeof value === 'string')
    return value.length > 80 ? `a text of ${value.length} characters` : quote(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'a number that is too large';
  if (typeof value === 'boolean') return String(value);
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return value === undefined ? 'missing' : 'an object';
}

/** Says what is wrong with a request in words: which field, what it is, what to write instead. */
import type * as z from 'zod/mini';
import { shown } from '../../core/shown.js';
import { limits } from '../../wire/limits.js';
import { Refusal } from './refusal.js';

const duration = (least: number): string =>
  `a whole number of ms from ${least} to ${limits.mostLeaseMs} (7 days)`;

/** What belongs into each field; also the OpenAPI document's words. */
export const fieldWords: Readonly<Record<string, string>> = Object.freeze({
  name: "a name such as '/shop/orders'",
  from: "the name that is moved, such as '/shop/orders'",
  to: "its new name, such as '/shop/sales'",
  target: "the name that it stands for, such as '/shop/orders'",
  glob: "a glob such as '/shop/**'",
  globs: `a list of 1 to ${limits.mostGlobs} names and globs such as '/shop/**'`,
  add: `a list of at most ${limits.mostGlobs} names and globs`,
  remove: `a list of at most ${limits.mostGlobs} names and globs`,
  after: "the last name of the page before, its 'next'",
  address: "an address such as 'http://127.0.0.1:3001'",
  addresses: "a list of 1 to 16 addresses such as 'http://127.0.0.1:3001', best first",
  id: '1 to 128 printable ASCII characters without blanks',
  epoch: 'the whole number that the registration was answered with',
  leaseMs: duration(limits.leastLeaseMs),
  promiseMs: duration(0),
  timeoutMs: `${duration(1)}, or null`,
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
  renewals: `a list of 1 to ${limits.mostBatch} objects with 'name', 'id' and 'epoch'`,
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
 * @param what - what messages call the whole value
 * @throws `CONFIG_INVALID`, naming the first field at fault
 */
export function checked<Schema extends z.core.$ZodType>(
  schema: Schema & { safeParse(value: unknown): z.core.util.SafeParseResult<z.core.output<Schema>> },
  value: unknown,
  what = 'The body',
): z.core.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Refusal(
    'CONFIG_INVALID',
    issue === undefined ? `${what} is not as it should be` : fault(issue, value, what),
  );
}

function fault(issue: z.core.$ZodIssue, value: unknown, what: string): string {
  const path = [...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    return `${what} has an unknown field ${shown(written([...path, key]))}; leave it off, or look how it is written`;
  }
  if (path.length === 0) return `${what} is ${described(value)}; write an object`;
  let found = value;
  for (const key of path) found = (found as Record<PropertyKey, unknown> | undefined)?.[key];
  const word = path.findLast((key) => typeof key === 'string' && Object.hasOwn(fieldWords, key)) as
    string | undefined;
  const expected =
    word === path.at(-1) && word !== undefined
      ? (fieldWords[word] ?? '')
      : (plain(issue) ?? fieldWords[word ?? ''] ?? 'something else');
  return `Field ${shown(written(path))} ${found === undefined ? 'is missing' : `is ${described(found)}`}; write ${expected}`;
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'a text',
  array: 'a list',
  boolean: 'true or false',
  object: 'an object',
};

/** What the schema itself says, for items of lists and values of maps. */
function plain(issue: z.core.$ZodIssue): string | undefined {
  if (issue.code === 'invalid_type') return typeWords[issue.expected];
  return issue.code === 'invalid_union' ? 'a text or a finite number' : undefined;
}

/** A path as a program would write it. */
function written(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`,
    '',
  );
}

function described(value: unknown): string {
  if (typeof value === 'string')
    return value.length > 80 ? `a text of ${value.length} characters` : shown(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'a number that is too large';
  if (typeof value === 'boolean') return String(value);
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return value === undefined ? 'missing' : 'an object';
}

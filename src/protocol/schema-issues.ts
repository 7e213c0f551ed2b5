import type * as z from 'zod/mini';

const typeNames: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'an integer',
  array: 'an array',
  boolean: 'true or false',
  object: 'an object',
};

/** Returns the type that a value must have; undefined unless the issue is a wrong type. */
export function expectedType(issue: z.core.$ZodIssue): string | undefined {
  return issue.code === 'invalid_type' ? typeNames[issue.expected] : undefined;
}

export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`,
    '',
  );
}

/** Describes an issue, for example as `entries[0].name must be a string`. */
export function describeIssue(issue: z.core.$ZodIssue | undefined): string {
  const path = formatPath(issue?.path ?? []);
  return `${path === '' ? 'the body' : path} must be ${(issue && expectedType(issue)) ?? 'valid'}`;
}

/**
 * Returns the code that an outcome records for a thrown value: the `code` or `name` of an error, or the type of
 * another value. An `AggregateError` without a code has the code of its first error.
 */
export function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0 && !hasCode(error))
    return codeOf(error.errors[0]);
  if (hasCode(error)) return error.code;
  return error instanceof Error ? error.name : typeof error;
}

export function hasCode(error: unknown): error is Error & { code: string } {
  return error instanceof Error && typeof (error as { code?: unknown }).code === 'string';
}

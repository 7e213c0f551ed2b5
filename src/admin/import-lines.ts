import { definedFields } from '../core/defined-fields.js';
import { describeValue } from '../core/describe-value.js';
import { ClerkError, isClerkError } from '../core/errors.js';
import type { ExportLine, ImportOptions, ImportResponse } from '../protocol/naming-messages.js';
import { limits } from '../protocol/limits.js';
import { paths } from '../protocol/paths.js';
import { importResponse } from '../protocol/response-schemas.js';
import { importParts } from './import-parts.js';
import type { ImportSource } from './registry-admin.js';
import type { AdminRequestOptions } from './admin-request-options.js';
import type { SchemaClient } from './schema-client.js';

/**
 * Imports lines in parts. Each part is imported as a whole or not at all. If a later part than the first fails, the
 * error states which lines were imported.
 */
export async function importLines(
  client: SchemaClient,
  source: ImportSource,
  settings: ImportOptions,
  options: AdminRequestOptions,
): Promise<ImportResponse> {
  let total: ImportResponse | undefined;
  const parts = [...importParts(await toBytes(source))];
  if (parts.length > 1 && settings.prune === true)
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      `An import with prune must have at most ${String(limits.maxChangedNames)} lines and 8 MiB, because such an import is applied as a whole; import without prune, and remove names one by one`,
    );
  const flags = Object.entries(settings).map(([key, isSet]) => [key, String(isSet)]);
  const query = flags.length === 0 ? undefined : (Object.fromEntries(flags) as Record<string, string>);
  for (const { lines, firstLine } of parts) {
    try {
      const request = definedFields({ ...options, query });
      const response = await client.post(paths.import, importResponse, lines, request);
      total = total === undefined ? response : combined(total, response);
    } catch (error) {
      if (firstLine === 1 || !isClerkError(error)) throw error;
      const { code, message, remainingMs, execution } = error;
      throw new ClerkError(
        code,
        `The lines before line ${String(firstLine)} were imported; the import of the lines from line ${String(firstLine)} on failed, and the following message counts line ${String(firstLine)} as line 1: ${message}`,
        { ...definedFields({ remainingMs }), execution, cause: error },
      );
    }
  }
  return total as ImportResponse;
}

/** Adds the numbers of lines and joins the lists. The other fields are those of the last part. */
function combined(first: ImportResponse, last: ImportResponse): ImportResponse {
  const lists = Object.entries(first).filter(([, value]) => Array.isArray(value));
  const joined = lists.map(([key, value]) => [
    key,
    [...(value as unknown[]), ...(last[key as keyof ImportResponse] as unknown as unknown[])],
  ]);
  return {
    ...last,
    ...(Object.fromEntries(joined) as Partial<ImportResponse>),
    entries: first.entries + last.entries,
  };
}

async function toBytes(source: ImportSource): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (typeof source === 'string') return Buffer.from(source);
  const given: unknown = source;
  const isIterable =
    typeof given === 'object' &&
    given !== null &&
    (Symbol.iterator in given || Symbol.asyncIterator in given);
  if (!isIterable)
    throw new ClerkError(
      'CONFIG_INVALID',
      `import() requires lines of JSON in a string or bytes, or an iterable of definitions; got ${describeValue(given)}`,
    );
  let text = '';
  for await (const line of source as AsyncIterable<ExportLine>) text += `${JSON.stringify(line)}\n`;
  return Buffer.from(text);
}

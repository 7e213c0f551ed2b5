import { ClerkError } from '../../core/errors.js';
import { compareNames } from '../../core/name.js';
import type { ListEntry } from '../../core/registry.js';
import { limits } from '../../protocol/limits.js';
import type { ListResponse } from '../../protocol/lookup-messages.js';
import { paths } from '../../protocol/paths.js';
import type { RegistryConnection } from '../../registry-client/connection.js';
import { expectBody } from '../../registry-client/json-response.js';
import { parseListResponse } from './parse-responses.js';

/** Maximum size of all pages of a list, in bytes: about 1,500,000 names. */
const maxListBytes = 128 * 1024 * 1024;
/** A registry may send pages that are not full, but not half of them. */
const maxPages = (2 * limits.maxNames) / limits.maxBatch;

/**
 * Reads all pages of a list from one server.
 *
 * @throws {@link ClerkError} `REGISTRY_INVALID` when the pages do not belong together, or there are more than the
 * registry can have
 * @throws {@link ClerkError} `LIMIT_EXCEEDED` when the list is too large for one result
 */
export async function listPages(
  connection: RegistryConnection,
  glob: string,
  signal: AbortSignal,
): Promise<readonly ListEntry[]> {
  const entries: ListEntry[] = [];
  let after: string | null = null;
  let first: ListResponse | undefined;
  let bytes = 0;
  for (let pages = 1; ; pages++) {
    const query: Record<string, string> = after === null ? { glob } : { glob, after };
    const response = await connection.request({ path: paths.list, query }, signal);
    signal.throwIfAborted();
    const page = parseListResponse(expectBody(response, connection, paths.list), connection);
    first ??= page;
    const goesBack = page.next !== null && after !== null && compareNames(page.next, after) <= 0;
    if (page.incarnation !== first.incarnation || goesBack)
      throw new ClerkError(
        'REGISTRY_INVALID',
        `The list of names that match ${glob} changed at ${connection.url} between two pages; repeat the request`,
      );
    bytes += response.bodyBytes ?? 0;
    if (bytes > maxListBytes)
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `The list of names that match ${glob} has more than ${String(maxListBytes)} bytes; list a smaller part`,
      );
    for (const entry of page.entries) entries.push(entry);
    if (page.next === null) return entries;
    if (pages >= maxPages)
      throw new ClerkError(
        'REGISTRY_INVALID',
        `The list of names that match ${glob} at ${connection.url} has more than ${String(maxPages)} pages; check that the address belongs to a registry`,
      );
    after = page.next;
  }
}

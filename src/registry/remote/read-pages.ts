import { ClerkError } from '../../core/errors.js';
import { compareNames } from '../../core/name.js';
import { limits } from '../../protocol/limits.js';
import type {
  RegistryConnection,
  RegistryRequest,
  RegistryResponse,
} from '../../registry-client/connection.js';
import { expectBody } from '../../registry-client/json-response.js';

export interface Page<Entry> {
  readonly entries: readonly Entry[];
  /** Position of the next page; null on the last page. */
  readonly next: string | null;
  readonly incarnation: string;
}

export interface PagedRequest<Entry> {
  readonly path: string;
  readonly query: NonNullable<RegistryRequest['query']>;
  /** Subject of error messages, such as `The list of names that match /**`. */
  readonly subject: string;
  readonly parse: (body: unknown, connection: RegistryConnection) => Page<Entry>;
}

/** Maximum size of all pages together, in bytes: about 1,500,000 names. */
const maxBytes = 128 * 1024 * 1024;
/** Maximum number of pages: twice the number of full pages, because the pages may be half full on average. */
const maxPages = (2 * limits.maxNames) / limits.maxBatch;

/**
 * Reads all pages of a result from one server.
 *
 * @param firstPage - a response of this server, in place of the first request
 * @throws {@link ClerkError} `REGISTRY_INVALID` when two pages have different incarnations, the pages are out of order,
 * or there are more pages than a registry can have
 * @throws {@link ClerkError} `LIMIT_EXCEEDED` when all pages together are too large for one result
 */
export async function readPages<Entry>(
  connection: RegistryConnection,
  { path, query, subject, parse }: PagedRequest<Entry>,
  signal: AbortSignal,
  firstPage?: RegistryResponse,
): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  let after: string | null = null;
  let incarnation: string | undefined;
  let bytes = 0;
  for (let pages = 1; ; pages++) {
    const position: { after?: string } = after === null ? {} : { after };
    const isFirst = after === null && firstPage !== undefined;
    const response = isFirst
      ? firstPage
      : await connection.request({ path, query: { ...query, ...position } }, signal);
    signal.throwIfAborted();
    const page = parse(expectBody(response, connection, path), connection);
    incarnation ??= page.incarnation;
    const goesBack = page.next !== null && after !== null && compareNames(page.next, after) <= 0;
    if (page.incarnation !== incarnation || goesBack)
      throw new ClerkError(
        'REGISTRY_INVALID',
        `${subject} at ${connection.url} was interrupted: either the registry was restored between two pages, or the pages are out of order. Repeat the request`,
      );
    bytes += response.bodyBytes ?? 0;
    if (bytes > maxBytes)
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `${subject} has more than ${String(maxBytes)} bytes; request a smaller part`,
      );
    for (const entry of page.entries) entries.push(entry);
    if (page.next === null) return entries;
    if (pages >= maxPages)
      throw new ClerkError(
        'REGISTRY_INVALID',
        `${subject} at ${connection.url} has more than ${String(maxPages)} pages; check that this is the URL of a registry server`,
      );
    after = page.next;
  }
}

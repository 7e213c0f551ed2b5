import { isClerkError } from '../../core/errors.js';
import type {
  ListResponse,
  ResolveResponse,
  SearchResponse,
  WhoisResponse,
} from '../../protocol/lookup-messages.js';
import type { ExportLine } from '../../protocol/naming-messages.js';
import type { ReportRequest } from '../../protocol/registration-messages.js';
import type { Caller, NameService, OpenWatch, WatchOptions } from '../ports.js';
import type { ListCursors } from './list-cursors.js';
import { notFoundError, type RequestRights } from './request-rights.js';

export type NameQueries = Pick<
  NameService,
  | 'resolve'
  | 'resolveJson'
  | 'list'
  | 'searchInSlices'
  | 'readInSlices'
  | 'whois'
  | 'exportLines'
  | 'report'
  | 'watch'
>;

/**
 * The names of the registry as one caller may see them. A name without the right `read` looks like an absent name.
 *
 * @see [C7.4](../../../docs/guarantees.md#c7-4), [G7](../../../docs/background.md#g7)
 */
export class VisibleNames implements NameQueries {
  readonly #names: NameQueries;
  readonly #rights: RequestRights;
  readonly #cursors: ListCursors;

  constructor(names: NameQueries, rights: RequestRights, cursors: ListCursors) {
    this.#names = names;
    this.#rights = rights;
    this.#cursors = cursors;
  }

  resolve(name: string): ResolveResponse {
    this.#rights.requireReadable(name, (each) => this.#names.resolveJson(each) !== undefined);
    try {
      return this.#names.resolve(name);
    } catch (error) {
      // The message could show a link that the caller may not read.
      if (isClerkError(error) && error.code === 'NAME_NOT_FOUND') throw notFoundError(name);
      throw error;
    }
  }

  resolveJson(name: string): string | undefined {
    return this.#rights.canRead(name) ? this.#names.resolveJson(name) : undefined;
  }

  list(glob: string, after: string | undefined, maxEntries: number): ListResponse {
    const page = this.#names.list(glob, this.#cursors.reveal(after), maxEntries, this.#isVisible);
    if (page.next === null || this.#isVisible(page.next)) return page;
    return { ...page, next: this.#cursors.hide(page.next, page.entries.at(-1)?.name ?? after) };
  }

  searchInSlices(glob: string, filter: Readonly<Record<string, string>>): Promise<SearchResponse> {
    return this.#names.searchInSlices(glob, filter, this.#isVisible);
  }

  readInSlices<T>(start: () => Iterator<number, T>): Promise<T> {
    return this.#names.readInSlices(start);
  }

  whois(address: string): WhoisResponse {
    const { owners } = this.#names.whois(address);
    return { owners: owners.filter(({ name }) => this.#isVisible(name)) };
  }

  *exportLines(): IterableIterator<ExportLine> {
    for (const line of this.#names.exportLines())
      if (line.kind !== 'access' && this.#isVisible(line.name)) yield line;
    for (const entry of this.#rights.accessEntries()) yield { kind: 'access', ...entry };
  }

  report({ clerk, reports }: ReportRequest, caller: Caller): void {
    const visible = reports.filter(({ name }) => this.#rights.canRead(name));
    if (visible.length > 0) this.#names.report({ clerk, reports: visible }, caller);
  }

  /** After a change of rights, the next event of the watch begins a new snapshot. */
  watch(options: WatchOptions): OpenWatch {
    let { version } = this.#rights;
    const watch = this.#names.watch({
      ...options,
      isVisible: this.#isVisible,
      onEvent: (...args) => {
        if (version !== this.#rights.version) {
          ({ version } = this.#rights);
          watch.resync('the rights of the client may have changed');
        }
        options.onEvent(...args);
      },
    });
    return watch;
  }

  readonly #isVisible = (name: string): boolean => this.#rights.has(name, 'read');
}

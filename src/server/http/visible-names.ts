import { isClerkError } from '../../core/errors.js';
import type {
  ListResponse,
  ResolveResponse,
  SearchResponse,
  WhoisResponse,
} from '../../protocol/lookup-messages.js';
import type { ExportLine } from '../../protocol/naming-messages.js';
import { replaceInPut } from '../../protocol/put-event.js';
import type { ReportRequest } from '../../protocol/registration-messages.js';
import type { WatchEvent } from '../../protocol/watch-messages.js';
import type { Caller, NameService, OpenWatch, WatchOptions } from '../ports.js';
import type { ListCursors } from './list-cursors.js';
import { notFoundError, type RequestRights } from './request-rights.js';

export type NameQueries = Pick<
  NameService,
  | 'resolve'
  | 'resolveJson'
  | 'nearName'
  | 'list'
  | 'searchInSlices'
  | 'readInSlices'
  | 'whois'
  | 'exportLines'
  | 'report'
  | 'watch'
>;

/**
 * The names of the registry as one caller may see them. For the caller, a name on which it lacks the right `read` does
 * not exist.
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
      const response = this.#names.resolve(name);
      if (response.namesBelow === undefined) return response;
      return { ...response, namesBelow: this.#namesBelow(response.canonical, response.namesBelow) };
    } catch (error) {
      // The original message could contain a link that the caller may not read.
      if (!isClerkError(error) || error.code !== 'NAME_NOT_FOUND') throw error;
      throw notFoundError(name, this.nearName(name));
    }
  }

  nearName(name: string): string | undefined {
    return this.#names.nearName(name, this.#isVisible);
  }

  resolveJson(name: string): string | undefined {
    const canonical = this.#rights.readableCanonical(name);
    const json = canonical === undefined ? undefined : this.#names.resolveJson(name);
    if (canonical === undefined || json === undefined) return undefined;
    // The first occurrence of the key is the field itself, because the names before it contain no quotes.
    const at = json.indexOf(namesBelowKey);
    if (at < 0) return json;
    const found = json.startsWith(namesBelowJson(true), at);
    const shown = this.#namesBelow(canonical, found);
    return shown === found ? json : json.replace(namesBelowJson(found), namesBelowJson(shown));
  }

  list(glob: string, after: string | undefined, maxEntries: number): ListResponse {
    const page = this.#names.list(glob, this.#cursors.reveal(after), maxEntries, this.#isVisible);
    return this.#withVisiblePosition(page, after);
  }

  async searchInSlices(
    glob: string,
    filter: Readonly<Record<string, string>>,
    after?: string,
  ): Promise<SearchResponse> {
    const position = this.#cursors.reveal(after);
    const page = await this.#names.searchInSlices(glob, filter, position, this.#isVisible);
    return this.#withVisiblePosition(page, after);
  }

  #withVisiblePosition<T extends ListResponse | SearchResponse>(page: T, after: string | undefined): T {
    if (page.next === null || this.#isVisible(page.next)) return page;
    return { ...page, next: this.#cursors.hide(page.next, page.entries.at(-1)?.name ?? after) };
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

  /** Opens a watch. After a change of rights, the next event of the watch starts a new snapshot. */
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
        const [event, ...position] = args;
        options.onEvent(event.type === 'put' ? this.#visibleEvent(event) : event, ...position);
      },
    });
    return watch;
  }

  #visibleEvent(event: Extract<WatchEvent, { readonly type: 'put' }>): WatchEvent {
    const { entry } = event;
    if (entry.kind === 'link' || entry.namesBelow === undefined) return event;
    const shown = this.#namesBelow(entry.canonical, entry.namesBelow);
    if (shown === entry.namesBelow) return event;
    return replaceInPut(event, namesBelowJson(entry.namesBelow), namesBelowJson(shown));
  }

  /**
   * Returns the field `namesBelow` as the caller may see it. If the caller has the right `test` on only some of the
   * names below, the field is always true, so that it never reveals whether a hidden name exists.
   *
   * @see [Decision 138](../../../docs/decisions/138-names-below-a-service.md)
   */
  #namesBelow(canonical: string, found: boolean): boolean {
    const known = this.#rights.knownBelow(canonical);
    return known === 'all' ? found : known === 'some';
  }

  readonly #isVisible = (name: string): boolean => this.#rights.has(name, 'read');
}

const namesBelowKey = '"namesBelow":';

function namesBelowJson(value: boolean): string {
  return `${namesBelowKey}${String(value)}`;
}

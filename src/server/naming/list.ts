/** Reading many names: pages of a listing, searches, and whose address it is. Work in one question is bounded. */
import { parseAddress } from '../../core/address.js';
import { compareNames } from '../../core/name-order.js';
import { ClerkError } from '../../core/errors.js';
import { matches, parseGlob, type Glob } from '../../core/glob.js';
import { segmentsOf } from '../../core/name.js';
import type { ListEntry } from '../../core/registry.js';
import { limits } from '../../protocol/limits.js';
import type { SearchResponse, WhoisResponse, EndpointMessage } from '../../protocol/messages.js';
import { endOfSubtree } from './state/ordered-names.js';
import { visibleHealth, visibleEndpointJson } from './health/visible-health.js';
import type { NamingState } from './state/naming-state.js';

/** Names looked at for one page; then the page ends early. */
const maxStepsPerPage = 20_000;

/** One page: what fits, in order, and where the next one begins. */
export interface ListPage {
  readonly entries: readonly ListEntry[];
  readonly next: string | null;
}

/**
 * A page of the names that a glob fits. Directories that are there only for what is below them are listed, except by a
 * glob that ends with `**`: that one lists what is in them.
 */
export function listPage(
  tables: NamingState,
  text: string,
  after: string | undefined,
  maxEntries: number,
): ListPage {
  const glob = parseRootedGlob(tables, text);
  const entries: ListEntry[] = [];
  let last = after;
  let steps = 0;
  for (const found of scanNames(tables, glob, after)) {
    if (found.matches) {
      if (entries.length >= maxEntries) return { entries, next: last ?? null };
      entries.push(listEntryOf(tables, found.name));
    }
    last = found.name;
    if (++steps >= maxStepsPerPage) return { entries, next: last };
  }
  return { entries, next: null };
}

/** Names that a glob fits, of entries alone. */
export function* matchingNames(tables: NamingState, glob: Glob): IterableIterator<string> {
  for (const { name, matches } of scanNames(tables, glob, undefined))
    if (matches && tables.entries.has(name)) yield name;
}

/** Services with those of their endpoints whose zone, host, version or attributes equal the filter's. @see Naming N7 */
export function searchEndpoints(
  tables: NamingState,
  text: string,
  filter: Readonly<Record<string, string>>,
): SearchResponse['entries'] {
  const entries: { name: string; endpoints: EndpointMessage[] }[] = [];
  const wanted = Object.entries(filter);
  const written = wanted.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  for (const name of matchingNames(tables, parseRootedGlob(tables, text))) {
    const endpoints: EndpointMessage[] = [];
    const marked = visibleHealth(tables.entries.get(name)?.service);
    for (const registration of tables.endpoints(name)) {
      // Most that do not fit are seen without being read.
      if (!written.every((part) => registration.json.includes(part))) continue;
      const endpoint = JSON.parse(visibleEndpointJson(registration, marked)) as EndpointMessage;
      if (wanted.every(([key, value]) => valueOf(endpoint, key) === value)) endpoints.push(endpoint);
    }
    if (endpoints.length === 0) continue;
    if (entries.length >= limits.maxBatch)
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `More than ${limits.maxBatch} services fit ${text}; search with a narrower glob`,
      );
    entries.push({ name, endpoints });
  }
  return entries;
}

/** Whose address it is. @see "A Distributed Systems Architecture for the 1990's" C12 */
export function whois(tables: NamingState, address: string): WhoisResponse {
  const owners = tables.registrationsAt(parseAddress(address).text);
  return { owners: owners.map(({ entry, id, epoch }) => ({ name: entry.name, id, epoch })) };
}

/** A glob under a directory identifier is one under the directory's present name. */
function parseRootedGlob(tables: NamingState, text: string): Glob {
  const glob = parseGlob(text);
  const [first = '', ...rest] = glob.segments;
  const name = first.startsWith('#') ? tables.directoryName(first) : undefined;
  return name === undefined ? glob : parseGlob([name, ...rest].join('/'));
}

function valueOf(endpoint: EndpointMessage, key: string): string | null | undefined {
  if (key === 'zone' || key === 'host' || key === 'version') return endpoint[key];
  return Object.hasOwn(endpoint.attributes, key) ? endpoint.attributes[key] : undefined;
}

function listEntryOf(tables: NamingState, name: string): ListEntry {
  const place = tables.entries.get(name);
  if (place === undefined || place.record.kind === 'directory') return { name, kind: 'directory' };
  if (place.record.kind === 'link') return { name, kind: 'link', target: place.record.target };
  const suspects = visibleHealth(place.service).suspects.size;
  const endpoints = place.service?.endpoints.size ?? 0;
  return { name, kind: 'service', endpoints, ...(suspects > 0 && { suspects }) };
}

interface ScannedName {
  readonly name: string;
  readonly matches: boolean;
}

/** The names from a place on that a glob may fit, in order, each with whether it does. */
function* scanNames(
  tables: NamingState,
  glob: Glob,
  after: string | undefined,
): IterableIterator<ScannedName> {
  const { segments } = glob;
  const wildAt = segments.findIndex((segment) => segment.includes('*'));
  const literal = wildAt < 0 ? segments : segments.slice(0, wildAt);
  const base = literal.map((segment) => `/${segment}`).join('');
  const depth = segments.includes('**') ? Infinity : segments.length;
  const withDirectories = segments.at(-1) !== '**';
  // Within a segment the part before the star narrows it further.
  const start = wildAt < 0 || segments[wildAt] === '**' ? base : `${base}/${beforeStar(segments[wildAt])}`;
  const isInside = (name: string): boolean =>
    start === base ? base === '' || name === base || name.startsWith(`${base}/`) : name.startsWith(start);
  const isNew = (name: string): boolean => after === undefined || compareNames(name, after) > 0;
  // Behind what is literal, these two fit everything that is inside and not too deep, or not deep enough.
  const last = segments.at(-1);
  const isOpen = wildAt === segments.length - 1 && (last === '*' || last === '**');
  const fits = (name: string, length: number): boolean =>
    isOpen ? length === depth || depth === Infinity : matches(glob, name);

  let previous = '';
  let place = after !== undefined && compareNames(after, start) > 0 ? after : start;
  let behind = place === after;
  for (let goesOn = true; goesOn;) {
    goesOn = false;
    for (const name of tables.names.from(place, behind)) {
      if (!isInside(name)) return;
      const length = segmentCount(name);
      if (withDirectories && !isSibling(previous, name))
        for (const above of directoriesBetween(previous, segmentsOf(name), depth))
          if (isNew(above) && isInside(above) && !tables.entries.has(above))
            yield { name: above, matches: matches(glob, above) };
      previous = name;
      if (length <= depth) {
        yield { name, matches: fits(name, length) };
        continue;
      }
      // Nothing down here fits; on behind the last name above that might.
      place = endOfSubtree(`/${segmentsOf(name).slice(0, depth).join('/')}`);
      behind = false;
      goesOn = true;
      break;
    }
  }
}

function beforeStar(segment = ''): string {
  return segment.slice(0, segment.indexOf('*'));
}

/** Number of segments. */
function segmentCount(name: string): number {
  let length = 0;
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) === 47) length++;
  return length;
}

/** Whether two names are in the same directory, so that none begins between them. */
function isSibling(previous: string, name: string): boolean {
  const end = name.lastIndexOf('/');
  return previous.lastIndexOf('/') === end && previous.startsWith(name.slice(0, end + 1));
}

/** The names above a name that were not above, or the same as, the one before it. */
function* directoriesBetween(
  previous: string,
  path: readonly string[],
  depth: number,
): IterableIterator<string> {
  let above = '';
  for (let i = 0; i < path.length - 1 && i < depth; i++) {
    above += `/${path[i] ?? ''}`;
    if (previous !== above && !previous.startsWith(`${above}/`)) yield above;
  }
}

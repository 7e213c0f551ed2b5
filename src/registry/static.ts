/** A registry of addresses written down in the program. Checked whole when it is made; nothing changes afterwards. */
import type { AddressText } from '../core/address.js';
import { toEndpoint, type EndpointInit } from '../core/endpoint.js';
import { ClerkError, isClerkError } from '../core/errors.js';
import { matches, parseGlob } from '../core/glob.js';
import { parseName } from '../core/name.js';
import type { Registry, Resolution } from '../core/registry.js';
import { fitsFilter } from './filter.js';

/** What stands behind one name. */
export type StaticEntry = AddressText | URL | EndpointInit;

/** Addresses by absolute name: one, or a list; an empty list is a service that nobody runs. */
export type StaticAddresses = Readonly<Record<string, StaticEntry | readonly StaticEntry[]>>;

/** Whether an object is a registry port; any other object is taken for static addresses. */
export function isRegistry(value: Registry | StaticAddresses): value is Registry {
  return typeof (value as { readonly resolve?: unknown }).resolve === 'function';
}

/** A registry port as it is, or one over static addresses. */
export function asRegistry(value: Registry | StaticAddresses): Registry {
  return isRegistry(value) ? value : staticRegistry(value);
}

/**
 * A registry over static addresses. What it was given may change afterwards; the registry does not.
 *
 * @throws {@link ClerkError} `NAME_INVALID`, `CONFIG_INVALID`
 */
export function staticRegistry(addresses: StaticAddresses): Registry {
  const known = new Map<string, StaticResolution>();
  for (const [key, value] of Object.entries(addresses)) {
    if (!key.startsWith('/')) {
      throw new ClerkError('CONFIG_INVALID', `The registry has the key '${key}'; static addresses need keys that are absolute names such as '/shop/orders', a registry of your own needs a resolve method`);
    }
    const name = parseName(key);
    known.set(name, { kind: 'bound', endpoints: endpointsOf(name, value), ttlMs: Infinity });
  }
  const fitting = (glob: string): string[] => {
    const pattern = parseGlob(glob);
    return [...known.keys()].filter((name) => matches(pattern, name)).sort();
  };
  return {
    resolve: (name) => known.get(name) ?? { kind: 'absent' },
    list: (glob) => promised(() => fitting(glob).map((name) => ({ name, kind: 'service' as const, endpoints: known.get(name)?.endpoints.length ?? 0 }))),
    search: (glob, filter) =>
      promised(() =>
        fitting(glob)
          .map((name) => ({ name, endpoints: (known.get(name)?.endpoints ?? []).filter((endpoint) => fitsFilter(endpoint, filter)) }))
          .filter(({ endpoints }) => endpoints.length > 0),
      ),
    watch(glob, onSnapshot) {
      const snapshot = new Map(fitting(glob).map((name) => [name, known.get(name) as Resolution]));
      let stopped = false;
      queueMicrotask(() => {
        if (!stopped) onSnapshot(snapshot);
      });
      return () => {
        stopped = true;
      };
    },
  };
}

/** An answer that holds for ever. */
interface StaticResolution {
  readonly kind: 'bound';
  readonly endpoints: readonly EndpointInit[];
  readonly ttlMs: number;
}

/** A function's value as a promise, and what it throws as a rejection. */
function promised<T>(make: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(make());
  });
}

function endpointsOf(name: string, value: StaticEntry | readonly StaticEntry[]): readonly EndpointInit[] {
  const seen = new Set<string>();
  return (Array.isArray(value) ? (value as readonly StaticEntry[]) : [value as StaticEntry]).map((entry) => {
    const { id, addresses, epoch, weight, host, zone, version, state, attributes } = checked(name, entry);
    if (seen.has(id)) throw new ClerkError('CONFIG_INVALID', `The registry names the instance '${id}' of ${name} twice; give each an id of its own`);
    seen.add(id);
    return Object.freeze({ id, addresses, epoch, weight, state, attributes, ...(host === undefined ? {} : { host }), ...(zone === undefined ? {} : { zone }), ...(version === undefined ? {} : { version }) });
  });
}

function checked(name: string, entry: StaticEntry): ReturnType<typeof toEndpoint> {
  try {
    return toEndpoint(entry, name);
  } catch (error) {
    if (isClerkError(error) && !error.message.includes(name)) throw new ClerkError('CONFIG_INVALID', `${error.message}, in the registry's entry for ${name}`, { cause: error });
    throw error;
  }
}

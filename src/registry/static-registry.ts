/**
 * A registry of addresses written down in the program. Checked whole when it is made; nothing changes afterwards,
 * whatever becomes of the object it was made from.
 */
import type { AddressString } from '../core/address.js';
import { toEndpoint, type Endpoint, type EndpointInit } from '../core/endpoint.js';
import { ClerkError } from '../core/errors.js';
import { matches, parseGlob } from '../core/glob.js';
import { parseName } from '../core/name.js';
import type { AbsentResolution, BoundResolution, Registry } from '../core/registry.js';
import { quote } from '../core/describe-value.js';
import { matchesFilter } from './filter.js';

/** What stands behind one name. */
export type StaticEntry = AddressString | URL | EndpointInit;

/** Addresses by absolute name: one, or a list; an empty list is a service that nobody runs. */
export type StaticAddresses = Readonly<Record<string, StaticEntry | readonly StaticEntry[]>>;

/** Whether an object is a registry port; any other object is taken for static addresses. */
export function isRegistry(value: Registry | StaticAddresses): value is Registry {
  return typeof (value as { readonly resolve?: unknown }).resolve === 'function';
}

/**
 * A registry port as it is, or one over static addresses.
 *
 * @throws {@link ClerkError} `NAME_INVALID`, `CONFIG_INVALID`
 */
export function toRegistry(value: Registry | StaticAddresses): Registry {
  const given: unknown = value;
  if (typeof given !== 'object' || given === null)
    throw new ClerkError(
      'CONFIG_INVALID',
      `A registry is of type ${given === null ? 'null' : typeof given}; give an object with a resolve method, or static addresses such as { '/shop/orders': ['http://127.0.0.1:3001'] }`,
    );
  return isRegistry(value) ? value : staticRegistry(value);
}

/**
 * A registry over static addresses. Its answers hold for ever; of any other name it says `absent`.
 *
 * @throws {@link ClerkError} `NAME_INVALID` for a key that is no absolute name, `CONFIG_INVALID` for an endpoint that
 * cannot be used, an instance that is named twice, and anything that is not a plain object
 */
export function staticRegistry(addresses: StaticAddresses): Registry {
  const services = toServices(addresses);
  const matching = (glob: string): [string, StaticResolution][] => {
    const pattern = parseGlob(glob);
    return [...services].filter(([name]) => matches(pattern, name));
  };
  return {
    resolve: (name) => services.get(name) ?? absentResolution,
    async list(glob) {
      return matching(glob).map(([name, { endpoints }]) => ({
        name,
        kind: 'service',
        endpoints: endpoints.length,
      }));
    },
    async search(glob, filter) {
      return matching(glob)
        .map(([name, { endpoints }]) => ({
          name,
          endpoints: endpoints.filter((endpoint) => matchesFilter(endpoint, filter)),
        }))
        .filter(({ endpoints }) => endpoints.length > 0);
    },
    watch(glob, onSnapshot) {
      const snapshot = new Map(matching(glob));
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

/** An answer of this registry: its endpoints are all written out. */
interface StaticResolution extends BoundResolution {
  readonly endpoints: readonly EndpointInit[];
}

const absentResolution: AbsentResolution = Object.freeze({ kind: 'absent', ttlMs: 1_000 });

/** Everything, in the order of names. */
function toServices(addresses: StaticAddresses): ReadonlyMap<string, StaticResolution> {
  if (!isPlainObject(addresses))
    throw new ClerkError(
      'CONFIG_INVALID',
      'The registry is neither a plain object of static addresses nor an object with a resolve method; of a Map make one with Object.fromEntries()',
    );
  const services = new Map<string, StaticResolution>();
  for (const [key, value] of Object.entries(addresses).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!key.startsWith('/'))
      throw new ClerkError(
        'CONFIG_INVALID',
        `The registry has the key ${quote(key)}; static addresses need keys that are absolute names such as '/shop/orders', a registry of your own needs a resolve method`,
      );
    const name = parseName(key, 'Key of the registry');
    services.set(
      name,
      Object.freeze({ kind: 'bound', endpoints: toEndpointInits(name, value), ttlMs: Infinity }),
    );
  }
  return services;
}

function toEndpointInits(name: string, value: StaticEntry | readonly StaticEntry[]): readonly EndpointInit[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const byId = new Map<string, EndpointInit>();
  for (const entry of list) {
    const endpoint = toEndpoint(entry, name);
    if (byId.has(endpoint.id))
      throw new ClerkError(
        'CONFIG_INVALID',
        `The registry names the instance ${quote(endpoint.id)} of ${name} twice; leave one out, or give each an id of its own`,
      );
    byId.set(endpoint.id, toEndpointInit(endpoint));
  }
  return Object.freeze([...byId.values()]);
}

/** An endpoint in the words of a registry, which leave out what is not known. */
function toEndpointInit({ address: _first, host, zone, version, ...rest }: Endpoint): EndpointInit {
  return Object.freeze({
    ...rest,
    ...(host !== undefined && { host }),
    ...(zone !== undefined && { zone }),
    ...(version !== undefined && { version }),
  });
}

/** Whether an object was written with braces, here or in another realm. Others may keep their contents elsewhere. */
function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

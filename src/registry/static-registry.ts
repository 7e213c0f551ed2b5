import type { AddressString } from '../core/address.js';
import { toEndpoint, type EndpointInit } from '../core/endpoint.js';
import { ClerkError } from '../core/errors.js';
import { matches, parseGlob } from '../core/glob.js';
import { parseName } from '../core/name.js';
import { isSemver, nearestSemver } from '../core/semver.js';
import { toEndpointInit } from '../core/to-endpoint-init.js';
import type { AbsentResolution, BoundResolution, Registry, Snapshot } from '../core/registry.js';
import { quote } from '../core/describe-value.js';
import { isPlainObject } from '../core/is-object.js';

/** An endpoint of a static registry. */
export type StaticEntry = AddressString | URL | EndpointInit;

/**
 * Static addresses: one endpoint or a list of endpoints per absolute name. A name with an empty list is a service
 * without endpoints.
 */
export type StaticAddresses = Readonly<Record<string, StaticEntry | readonly StaticEntry[]>>;

/**
 * A registry of static addresses, which are validated and copied once. Its names never expire. All other names are
 * absent.
 *
 * @throws {@link ClerkError} `NAME_INVALID` when a key is not an absolute name
 * @throws {@link ClerkError} `CONFIG_INVALID` when an endpoint is invalid, an instance id occurs twice in a service,
 * or the argument is not a plain object
 */
export function staticRegistry(addresses: StaticAddresses): Registry {
  const services = withNamesBelow(toServices(addresses));
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
    watch: (glob, onSnapshot) => watchUnchanging(new Map(matching(glob)), onSnapshot),
  };
}

/** Starts a watch with a single snapshot. Returns a function that stops the watch. */
export function watchUnchanging(snapshot: Snapshot, onSnapshot: (snapshot: Snapshot) => void): () => void {
  let stopped = false;
  queueMicrotask(() => {
    if (!stopped) onSnapshot(snapshot);
  });
  return () => {
    stopped = true;
  };
}

interface StaticResolution extends BoundResolution {
  readonly endpoints: readonly EndpointInit[];
}

function withNamesBelow(services: ReadonlyMap<string, StaticResolution>): Map<string, StaticResolution> {
  const names = [...services.keys()];
  return new Map(
    [...services].map(([name, resolution]) => [
      name,
      Object.freeze({ ...resolution, namesBelow: names.some((other) => other.startsWith(`${name}/`)) }),
    ]),
  );
}

const absentResolution: AbsentResolution = Object.freeze({ kind: 'absent', ttlMs: 1_000 });

/**
 * Whether an endpoint matches a search filter. The keys `zone`, `host`, `version` and `id` are fields of the endpoint.
 * All other keys are attributes.
 *
 * @see [Naming N7](../../docs/background.md#n7)
 */
function matchesFilter(endpoint: EndpointInit, filter: Readonly<Record<string, string>>): boolean {
  return Object.entries(filter).every(([key, expected]) => {
    const actual =
      key === 'zone' || key === 'host' || key === 'version' || key === 'id'
        ? endpoint[key]
        : endpoint.attributes?.[key];
    return actual === expected;
  });
}

function toServices(addresses: StaticAddresses): ReadonlyMap<string, StaticResolution> {
  if (!isPlainObject(addresses))
    throw new ClerkError(
      'CONFIG_INVALID',
      'The registry must be a plain object of static addresses or an object with a resolve method; convert a Map with Object.fromEntries()',
    );
  const services = new Map<string, StaticResolution>();
  for (const [key, value] of Object.entries(addresses).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!key.startsWith('/'))
      throw new ClerkError(
        'CONFIG_INVALID',
        `Keys of static addresses must be absolute names such as '/shop/orders'; got ${quote(key)}. If the object is a custom registry, add a resolve method`,
      );
    const name = parseName(key, 'Registry key');
    services.set(
      name,
      Object.freeze({
        kind: 'bound',
        endpoints: toEndpointInits(name, value),
        ttlMs: Infinity,
        guaranteedMs: Infinity,
      }),
    );
  }
  return services;
}

function toEndpointInits(name: string, value: StaticEntry | readonly StaticEntry[]): readonly EndpointInit[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const byId = new Map<string, EndpointInit>();
  for (const entry of list) {
    const endpoint = toEndpoint(entry, name);
    const { version } = endpoint;
    if (version !== undefined && !isSemver(version))
      throw new ClerkError(
        'CONFIG_INVALID',
        `Endpoint of ${name} must have a semver version such as ${nearestSemver(version)}; got ${quote(version)}`,
      );
    if (byId.has(endpoint.id))
      throw new ClerkError(
        'CONFIG_INVALID',
        `Instance ids of ${name} must be unique; got ${quote(endpoint.id)} twice; remove one of the two endpoints, or change its id`,
      );
    byId.set(endpoint.id, Object.freeze(toEndpointInit(endpoint)));
  }
  return Object.freeze([...byId.values()]);
}

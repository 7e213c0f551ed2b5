/**
 * Reads what a registry returned. Everything in it is checked, and nothing is repaired: what cannot be used is an error,
 * never an empty list.
 */
import type { ResolvedService } from '../core/resolution-result.js';
import { toEndpoint, type Endpoint } from '../core/endpoint.js';
import type { AgedLoad, LoadInit } from '../core/load-report.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import { parseName } from '../core/name.js';
import type { ResolutionStep } from '../core/registry.js';
import { quote } from '../core/describe-value.js';

const defaultTtlMs = 5_000;
const defaultNegativeTtlMs = 1_000;
const maxNegativeTtlMs = 5_000;
const maxEndpoints = 100_000;
const maxPathSteps = 1_024;
/** As long as a timer can be. */
const maxTimeoutMs = 2 ** 31 - 1;

/** What a checked resolution comes down to. */
export type ParsedResolution = Omit<
  ResolvedService,
  'kind' | 'name' | 'requestedAt' | 'requestedWallAt' | 'stale'
> & {
  readonly kind: 'bound' | 'absent' | 'link';
};

/**
 * Checks what a registry returned.
 *
 * @throws {@link ClerkError} `REGISTRY_INVALID`, saying what is wrong with it
 */
export function parseResolution(resolution: unknown, name: string): ParsedResolution {
  if (typeof resolution !== 'object' || resolution === null)
    throw invalidResolutionError(
      name,
      `is ${resolution === null ? 'null' : typeof resolution}, not an object with a kind`,
    );
  const raw = resolution as Partial<Record<string, unknown>>;
  const revision = parseStringField(raw, 'revision', name);
  const incarnation = parseStringField(raw, 'incarnation', name);
  switch (raw.kind) {
    case 'absent': {
      const ttlMs = Math.min(maxNegativeTtlMs, parseMsField(raw, 'ttlMs', name) ?? defaultNegativeTtlMs);
      return {
        kind: 'absent',
        canonical: name,
        endpoints: [],
        policy: undefined,
        path: [],
        revision,
        incarnation,
        ttlMs,
      };
    }
    case 'link': {
      const target = parseNameField(raw.target, name, 'target');
      const guaranteedMs = Math.min(
        parseMsField(raw, 'ttlMs', name) ?? defaultTtlMs,
        parseMsField(raw, 'guaranteedMs', name) ?? Infinity,
      );
      return {
        kind: 'link',
        canonical: target,
        endpoints: [],
        policy: undefined,
        path: [{ name, kind: 'link', guaranteedMs }],
        revision,
        incarnation,
        ttlMs: guaranteedMs,
      };
    }
    case 'bound': {
      const endpoints = parseEndpoints(raw.endpoints, name);
      const guaranteedMs = parseMsField(raw, 'guaranteedMs', name);
      const statedTtlMs = Math.min(
        parseMsField(raw, 'ttlMs', name) ?? (guaranteedMs === undefined ? defaultTtlMs : Infinity),
        guaranteedMs ?? Infinity,
      );
      // Nobody there is believed for as long as nothing there would be. @see promises C1.5
      const ttlMs = endpoints.length === 0 ? Math.min(statedTtlMs, defaultNegativeTtlMs) : statedTtlMs;
      const canonical =
        raw.canonical === undefined ? name : parseNameField(raw.canonical, name, 'canonical name');
      return {
        kind: 'bound',
        canonical,
        endpoints,
        policy: parseStringField(raw, 'policy', name) || undefined,
        path: parsePath(raw.path, name, ttlMs),
        revision,
        incarnation,
        ttlMs,
        ...parseTimeout(raw, name),
        ...(raw.startable === true && { startable: true }),
        ...parseHealthQueried(raw.healthQueried, name),
        ...longestLease(raw.endpoints as readonly unknown[]),
        ...parseLoads(raw.endpoints as readonly unknown[], endpoints),
      };
    }
    default:
      throw invalidResolutionError(
        name,
        `has the kind ${quote(raw.kind)}; 'bound', 'link' and 'absent' are known`,
      );
  }
}

/** How long a call may take, where the service's record says so. */
function parseTimeout(raw: Partial<Record<string, unknown>>, name: string): { readonly timeoutMs?: number } {
  const timeoutMs = parseMsField(raw, 'timeoutMs', name);
  if (timeoutMs === undefined) return {};
  if (timeoutMs === 0 || timeoutMs > maxTimeoutMs)
    throw invalidResolutionError(
      name,
      `has the timeoutMs ${String(timeoutMs)}; it must be above 0 and at most ${String(maxTimeoutMs)}`,
    );
  return { timeoutMs };
}

/** Whom the registry asks about; nobody, as a rule. */
function parseHealthQueried(value: unknown, name: string): { readonly doubted?: readonly string[] } {
  if (value === undefined) return {};
  if (!Array.isArray(value) || !value.every((id) => typeof id === 'string'))
    throw invalidResolutionError(name, 'has doubted endpoints that are no list of ids');
  return value.length === 0 ? {} : { doubted: Object.freeze([...value]) };
}

/** The longest lease, where the registry says any. The endpoints were checked before. */
function longestLease(endpoints: readonly unknown[]): { readonly leaseMs?: number } {
  let leaseMs = 0;
  for (const endpoint of endpoints)
    leaseMs = Math.max(leaseMs, (endpoint as { readonly leaseMs?: number }).leaseMs ?? 0);
  return leaseMs > 0 ? { leaseMs } : {};
}

/** What they say of their loads, where the registry tells any. The endpoints were checked before. */
function parseLoads(
  raw: readonly unknown[],
  endpoints: readonly Endpoint[],
): { readonly loads?: ReadonlyMap<string, AgedLoad> } {
  let loads: Map<string, AgedLoad> | undefined;
  for (const [i, { id }] of endpoints.entries()) {
    const { load } = raw[i] as { readonly load?: LoadInit & { readonly ageMs?: number } };
    if (load === undefined) continue;
    const { utilization, callsPerSecond = 0, errorsPerSecond = 0, ageMs = 0 } = load;
    loads ??= new Map();
    loads.set(id, { utilization, callsPerSecond, errorsPerSecond, ageMs });
  }
  return loads === undefined ? {} : { loads };
}

function parseEndpoints(list: unknown, name: string): readonly Endpoint[] {
  if (!Array.isArray(list))
    throw invalidResolutionError(name, 'has no list of endpoints; an empty list says that nobody runs it');
  if (list.length > maxEndpoints)
    throw invalidResolutionError(
      name,
      `has ${String(list.length)} endpoints; ${String(maxEndpoints)} is the most`,
    );
  const ids = new Set<string>();
  try {
    return Object.freeze(
      // Unlike map, this sees holes.
      Array.from(list, (item: unknown) => {
        const endpoint = toEndpoint(item, name);
        if (ids.has(endpoint.id))
          throw invalidResolutionError(name, `names the instance '${endpoint.id}' twice`);
        ids.add(endpoint.id);
        return endpoint;
      }),
    );
  } catch (error) {
    if (isClerkError(error) && error.code === 'REGISTRY_INVALID') throw error;
    throw invalidResolutionError(name, `has an endpoint that cannot be used: ${errorMessage(error)}`, error);
  }
}

function parsePath(value: unknown, name: string, guaranteedMs: number): readonly ResolutionStep[] {
  if (value === undefined) return [{ name, kind: 'service', guaranteedMs }];
  if (!Array.isArray(value)) throw invalidResolutionError(name, 'has a trail that is no list');
  if (value.length > maxPathSteps)
    throw invalidResolutionError(
      name,
      `has ${String(value.length)} arcs in its trail; ${String(maxPathSteps)} is the most`,
    );
  return Array.from(value, (item: unknown) => {
    const arc = (typeof item === 'object' && item !== null ? item : {}) as Partial<Record<string, unknown>>;
    const kind = arc.kind;
    if (kind !== 'service' && kind !== 'link' && kind !== 'mount' && kind !== 'directory')
      throw invalidResolutionError(name, 'has an arc of unknown kind in its trail');
    return {
      name: parseNameField(arc.name, name, 'name in its trail'),
      kind,
      guaranteedMs: parseMsField(arc, 'guaranteedMs', name) ?? guaranteedMs,
    };
  });
}

function parseNameField(value: unknown, name: string, what: string): string {
  try {
    return parseName(value);
  } catch (error) {
    throw invalidResolutionError(name, `has a ${what} that is no name: ${errorMessage(error)}`, error);
  }
}

function parseMsField(raw: Partial<Record<string, unknown>>, key: string, name: string): number | undefined {
  const value = raw[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || Number.isNaN(value) || value < 0)
    throw invalidResolutionError(name, `has a ${key} that is no number of ms ≥ 0`);
  return value;
}

function parseStringField(raw: Partial<Record<string, unknown>>, key: string, name: string): string {
  const value = raw[key];
  if (value === undefined) return '';
  if (typeof value !== 'string') throw invalidResolutionError(name, `has a ${key} that is no string`);
  return value;
}

/** The error of an answer that cannot be used, and what is wrong with it. */
export function invalidResolutionError(name: string, what: string, cause?: unknown): ClerkError {
  return new ClerkError(
    'REGISTRY_INVALID',
    `The registry's answer for ${name} ${what}`,
    cause === undefined ? {} : { cause },
  );
}

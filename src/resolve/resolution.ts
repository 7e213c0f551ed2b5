/**
 * Reads what a registry returned. Everything in it is checked, and nothing is repaired: what cannot be used is an error,
 * never an empty list.
 */
import type { Answer } from '../core/answer.js';
import { toEndpoint, type Endpoint } from '../core/endpoint.js';
import type { AgedLoad, LoadInit } from '../core/load-report.js';
import { ClerkError, isClerkError, reasonOf } from '../core/errors.js';
import { parseName } from '../core/name.js';
import type { Arc } from '../core/registry.js';
import { shown } from '../core/shown.js';

const defaultTtlMs = 5_000;
const negativeTtlMs = 1_000;
const mostNegativeTtlMs = 5_000;
const mostEndpoints = 100_000;
const mostArcs = 1_024;
/** As long as a timer can be. */
const mostTimeoutMs = 2 ** 31 - 1;

/** What a checked resolution comes down to. */
export type Checked = Omit<Answer, 'kind' | 'name' | 'askedAt' | 'askedWallAt' | 'stale'> & {
  readonly kind: 'bound' | 'absent' | 'link';
};

/**
 * Checks what a registry returned.
 *
 * @throws {@link ClerkError} `REGISTRY_INVALID`, saying what is wrong with it
 */
export function checkResolution(resolution: unknown, name: string): Checked {
  if (typeof resolution !== 'object' || resolution === null)
    throw invalid(name, `is ${resolution === null ? 'null' : typeof resolution}, not an object with a kind`);
  const raw = resolution as Partial<Record<string, unknown>>;
  const revision = textOf(raw, 'revision', name);
  const incarnation = textOf(raw, 'incarnation', name);
  switch (raw.kind) {
    case 'absent': {
      const ttlMs = Math.min(mostNegativeTtlMs, timeOf(raw, 'ttlMs', name) ?? negativeTtlMs);
      return {
        kind: 'absent',
        canonical: name,
        endpoints: [],
        policy: undefined,
        trail: [],
        revision,
        incarnation,
        ttlMs,
      };
    }
    case 'link': {
      const target = nameOf(raw.target, name, 'target');
      const promiseMs = Math.min(
        timeOf(raw, 'ttlMs', name) ?? defaultTtlMs,
        timeOf(raw, 'promiseMs', name) ?? Infinity,
      );
      return {
        kind: 'link',
        canonical: target,
        endpoints: [],
        policy: undefined,
        trail: [{ name, kind: 'link', promiseMs }],
        revision,
        incarnation,
        ttlMs: promiseMs,
      };
    }
    case 'bound': {
      const endpoints = endpointsOf(raw.endpoints, name);
      const promiseMs = timeOf(raw, 'promiseMs', name);
      const asked = Math.min(
        timeOf(raw, 'ttlMs', name) ?? (promiseMs === undefined ? defaultTtlMs : Infinity),
        promiseMs ?? Infinity,
      );
      // Nobody there is believed for as long as nothing there would be. @see promises C1.5
      const ttlMs = endpoints.length === 0 ? Math.min(asked, negativeTtlMs) : asked;
      const canonical = raw.canonical === undefined ? name : nameOf(raw.canonical, name, 'canonical name');
      return {
        kind: 'bound',
        canonical,
        endpoints,
        policy: textOf(raw, 'policy', name) || undefined,
        trail: trailOf(raw.trail, name, ttlMs),
        revision,
        incarnation,
        ttlMs,
        ...timeoutOf(raw, name),
        ...(raw.startable === true && { startable: true }),
        ...doubtedOf(raw.doubted, name),
        ...leaseOf(raw.endpoints as readonly unknown[]),
        ...loadsOf(raw.endpoints as readonly unknown[], endpoints),
      };
    }
    default:
      throw invalid(name, `has the kind ${shown(raw.kind)}; 'bound', 'link' and 'absent' are known`);
  }
}

/** How long a call may take, where the service's record says so. */
function timeoutOf(raw: Partial<Record<string, unknown>>, name: string): { readonly timeoutMs?: number } {
  const timeoutMs = timeOf(raw, 'timeoutMs', name);
  if (timeoutMs === undefined) return {};
  if (timeoutMs === 0 || timeoutMs > mostTimeoutMs)
    throw invalid(
      name,
      `has the timeoutMs ${String(timeoutMs)}; it must be above 0 and at most ${String(mostTimeoutMs)}`,
    );
  return { timeoutMs };
}

/** Whom the registry asks about; nobody, as a rule. */
function doubtedOf(value: unknown, name: string): { readonly doubted?: readonly string[] } {
  if (value === undefined) return {};
  if (!Array.isArray(value) || !value.every((id) => typeof id === 'string'))
    throw invalid(name, 'has doubted endpoints that are no list of ids');
  return value.length === 0 ? {} : { doubted: Object.freeze([...value]) };
}

/** The longest lease, where the registry says any. The endpoints were checked before. */
function leaseOf(endpoints: readonly unknown[]): { readonly leaseMs?: number } {
  let leaseMs = 0;
  for (const endpoint of endpoints)
    leaseMs = Math.max(leaseMs, (endpoint as { readonly leaseMs?: number }).leaseMs ?? 0);
  return leaseMs > 0 ? { leaseMs } : {};
}

/** What they say of their loads, where the registry tells any. The endpoints were checked before. */
function loadsOf(
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

function endpointsOf(list: unknown, name: string): readonly Endpoint[] {
  if (!Array.isArray(list))
    throw invalid(name, 'has no list of endpoints; an empty list says that nobody runs it');
  if (list.length > mostEndpoints)
    throw invalid(name, `has ${String(list.length)} endpoints; ${String(mostEndpoints)} is the most`);
  const seen = new Set<string>();
  try {
    return Object.freeze(
      // Unlike map, this sees holes.
      Array.from(list, (item: unknown) => {
        const endpoint = toEndpoint(item, name);
        if (seen.has(endpoint.id)) throw invalid(name, `names the instance '${endpoint.id}' twice`);
        seen.add(endpoint.id);
        return endpoint;
      }),
    );
  } catch (error) {
    if (isClerkError(error) && error.code === 'REGISTRY_INVALID') throw error;
    throw invalid(name, `has an endpoint that cannot be used: ${reasonOf(error)}`, error);
  }
}

function trailOf(value: unknown, name: string, promiseMs: number): readonly Arc[] {
  if (value === undefined) return [{ name, kind: 'service', promiseMs }];
  if (!Array.isArray(value)) throw invalid(name, 'has a trail that is no list');
  if (value.length > mostArcs)
    throw invalid(name, `has ${String(value.length)} arcs in its trail; ${String(mostArcs)} is the most`);
  return Array.from(value, (item: unknown) => {
    const arc = (typeof item === 'object' && item !== null ? item : {}) as Partial<Record<string, unknown>>;
    const kind = arc.kind;
    if (kind !== 'service' && kind !== 'link' && kind !== 'mount' && kind !== 'directory')
      throw invalid(name, 'has an arc of unknown kind in its trail');
    return {
      name: nameOf(arc.name, name, 'name in its trail'),
      kind,
      promiseMs: timeOf(arc, 'promiseMs', name) ?? promiseMs,
    };
  });
}

function nameOf(value: unknown, name: string, what: string): string {
  try {
    return parseName(value);
  } catch (error) {
    throw invalid(name, `has a ${what} that is no name: ${reasonOf(error)}`, error);
  }
}

function timeOf(raw: Partial<Record<string, unknown>>, key: string, name: string): number | undefined {
  const value = raw[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || Number.isNaN(value) || value < 0)
    throw invalid(name, `has a ${key} that is no number of ms ≥ 0`);
  return value;
}

function textOf(raw: Partial<Record<string, unknown>>, key: string, name: string): string {
  const value = raw[key];
  if (value === undefined) return '';
  if (typeof value !== 'string') throw invalid(name, `has a ${key} that is no string`);
  return value;
}

/** The error of an answer that cannot be used, and what is wrong with it. */
export function invalid(name: string, what: string, cause?: unknown): ClerkError {
  return new ClerkError(
    'REGISTRY_INVALID',
    `The registry's answer for ${name} ${what}`,
    cause === undefined ? {} : { cause },
  );
}

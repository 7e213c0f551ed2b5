import type { ResolvedService } from '../core/resolution-result.js';
import { describeValue, quote } from '../core/describe-value.js';
import { toEndpoint, type Endpoint } from '../core/endpoint.js';
import type { AgedLoad, LoadInit } from '../core/load-report.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import { parseName } from '../core/name.js';
import type { ResolutionStep } from '../core/registry.js';
import { checkAttemptTimeout, checkRetries } from '../core/retry-options.js';

const defaultTtlMs = 5_000;
const defaultNegativeTtlMs = 1_000;
const maxNegativeTtlMs = 5_000;
const maxEndpoints = 100_000;
const maxPathSteps = 1_024;
/** Longest valid call timeout, in ms: the longest delay of a Node timer. */
const maxTimeoutMs = 2 ** 31 - 1;

/** The validated response of a registry to the lookup of one name. */
export type ParsedResolution = Omit<
  ResolvedService,
  'kind' | 'name' | 'requestedAt' | 'requestedWallAt' | 'stale'
> & {
  readonly kind: 'bound' | 'absent' | 'link';
};

type RawObject = Partial<Record<string, unknown>>;

/**
 * Validates the response of a registry. Checks every field and repairs nothing: an unusable response is an error, never
 * an empty list of endpoints.
 *
 * @throws {@link ClerkError} `REGISTRY_INVALID` when a required field is missing or a field is invalid
 */
export function parseResolution(resolution: unknown, name: string): ParsedResolution {
  if (typeof resolution !== 'object' || resolution === null)
    throw invalidResolutionError(name, `the response must be an object; got ${describeValue(resolution)}`);
  const raw = resolution as RawObject;
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
      // An empty list of endpoints is cached for 1 s or less.
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
        ...parseRetryOverrides(raw, name),
        ...(raw.startable === true && { startable: true }),
        ...parseHealthQueried(raw.healthQueried, name),
        ...longestLease(raw.endpoints as readonly unknown[]),
        ...parseLoads(raw.endpoints as readonly unknown[], endpoints),
      };
    }
    default:
      throw invalidResolutionError(name, `kind must be 'bound', 'link' or 'absent'; got ${quote(raw.kind)}`);
  }
}

/**
 * Returns `{ timeoutMs }` with the call timeout of the service config, or `{}` when the response has no call timeout.
 */
function parseTimeout(raw: RawObject, name: string): Pick<ResolvedService, 'timeoutMs'> {
  const timeoutMs = parseMsField(raw, 'timeoutMs', name);
  if (timeoutMs === undefined) return {};
  if (timeoutMs === 0 || timeoutMs > maxTimeoutMs)
    throw invalidResolutionError(
      name,
      `timeoutMs must be above 0 and at most ${String(maxTimeoutMs)}; got ${String(timeoutMs)}`,
    );
  return { timeoutMs };
}

/** Returns the retry settings of the service config, without the settings that the response lacks. */
function parseRetryOverrides(
  raw: RawObject,
  name: string,
): Pick<ResolvedService, 'attemptTimeoutMs' | 'retries'> {
  const createError = (problem: string): ClerkError => invalidResolutionError(name, problem);
  const attemptTimeoutMs = checkAttemptTimeout(raw.attemptTimeoutMs, createError);
  const retries = checkRetries(raw.retries, createError);
  return {
    ...(attemptTimeoutMs !== undefined && { attemptTimeoutMs }),
    ...(retries !== undefined && { retries }),
  };
}

function parseHealthQueried(value: unknown, name: string): Pick<ResolvedService, 'healthQueried'> {
  if (value === undefined) return {};
  if (!Array.isArray(value) || !value.every((id) => typeof id === 'string'))
    throw invalidResolutionError(
      name,
      `healthQueried must be a list of instance ids; got ${describeValue(value)}`,
    );
  return value.length === 0 ? {} : { healthQueried: Object.freeze([...value]) };
}

/**
 * Returns `{ leaseMs }` with the longest lease of the endpoints, or `{}` when no endpoint has a lease. `endpoints` must
 * be validated already.
 */
function longestLease(endpoints: readonly unknown[]): Pick<ResolvedService, 'leaseMs'> {
  let leaseMs = 0;
  for (const endpoint of endpoints)
    leaseMs = Math.max(leaseMs, (endpoint as { readonly leaseMs?: number }).leaseMs ?? 0);
  return leaseMs > 0 ? { leaseMs } : {};
}

/**
 * Returns `{ loads }` with the load reports by instance id, or `{}` when no endpoint has a load report. `raw` is the
 * list from which `endpoints` was parsed, in the same order.
 */
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
    throw invalidResolutionError(
      name,
      `endpoints must be a list; got ${describeValue(list)}; a service without endpoints needs an empty list`,
    );
  if (list.length > maxEndpoints)
    throw invalidResolutionError(
      name,
      `endpoints must have at most ${String(maxEndpoints)} entries; got ${String(list.length)}`,
    );
  const ids = new Set<string>();
  try {
    return Object.freeze(
      // Array.from visits the holes of a sparse array, which map would skip.
      Array.from(list, (item: unknown) => {
        const endpoint = toEndpoint(item, name);
        if (ids.has(endpoint.id))
          throw invalidResolutionError(name, `instance ids must be unique; got '${endpoint.id}' twice`);
        ids.add(endpoint.id);
        return endpoint;
      }),
    );
  } catch (error) {
    if (isClerkError(error) && error.code === 'REGISTRY_INVALID') throw error;
    throw invalidResolutionError(name, errorMessage(error), error);
  }
}

function parsePath(value: unknown, name: string, guaranteedMs: number): readonly ResolutionStep[] {
  if (value === undefined) return [{ name, kind: 'service', guaranteedMs }];
  if (!Array.isArray(value))
    throw invalidResolutionError(name, `path must be a list; got ${describeValue(value)}`);
  if (value.length > maxPathSteps)
    throw invalidResolutionError(
      name,
      `path must have at most ${String(maxPathSteps)} steps; got ${String(value.length)}`,
    );
  return Array.from(value, (item: unknown) => {
    const step = (typeof item === 'object' && item !== null ? item : {}) as RawObject;
    const kind = step.kind;
    if (kind !== 'service' && kind !== 'link' && kind !== 'mount' && kind !== 'directory')
      throw invalidResolutionError(
        name,
        `the kind of a path step must be 'service', 'link', 'mount' or 'directory'; got ${quote(kind)}`,
      );
    return {
      name: parseNameField(step.name, name, 'name of a path step'),
      kind,
      guaranteedMs: parseMsField(step, 'guaranteedMs', name) ?? guaranteedMs,
    };
  });
}

function parseNameField(value: unknown, name: string, field: string): string {
  try {
    return parseName(value);
  } catch (error) {
    throw invalidResolutionError(name, `${field}: ${errorMessage(error)}`, error);
  }
}

function parseMsField(raw: RawObject, key: string, name: string): number | undefined {
  const value = raw[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || Number.isNaN(value) || value < 0)
    throw invalidResolutionError(name, `${key} must be a number of ms ≥ 0; got ${describeValue(value)}`);
  return value;
}

function parseStringField(raw: RawObject, key: string, name: string): string {
  const value = raw[key];
  if (value === undefined) return '';
  if (typeof value !== 'string')
    throw invalidResolutionError(name, `${key} must be a string; got ${describeValue(value)}`);
  return value;
}

/** Creates a `REGISTRY_INVALID` error for the response to the lookup of `name`. */
export function invalidResolutionError(name: string, problem: string, cause?: unknown): ClerkError {
  return new ClerkError(
    'REGISTRY_INVALID',
    `The registry's response for ${name} is invalid: ${problem}`,
    cause === undefined ? {} : { cause },
  );
}

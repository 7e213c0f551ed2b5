import type { ResolvedService } from '../core/resolution-result.js';
import { maxTimerMs } from '../core/clock.js';
import { describeValue, quote } from '../core/describe-value.js';
import { definedFields } from '../core/defined-fields.js';
import { toEndpoint, type Endpoint, type EndpointInit } from '../core/endpoint.js';
import type { AgedLoad } from '../core/load-report.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import { parseName } from '../core/name.js';
import type { ResolutionStep, ScheduledChange } from '../core/registry.js';
import { checkAttemptTimeout, checkRetries } from '../core/retry-options.js';
import { absentTtlMs, linkTtlMs, serviceTtlMs, type StatedTimes } from './resolution-ttl.js';

const maxEndpoints = 100_000;
const maxPathSteps = 1_024;

export type ParsedResolution = Omit<
  ResolvedService,
  'kind' | 'name' | 'requestedAt' | 'requestedWallAt' | 'stale'
> & {
  readonly kind: 'bound' | 'absent' | 'link';
  readonly isStale?: boolean;
};

type RawObject = Partial<Record<string, unknown>>;

/**
 * Validates the response of a registry, and corrects nothing. An unusable response is an error, never an empty list of
 * endpoints.
 * @throws {@link ClerkError} `REGISTRY_INVALID` when a required field is missing, a field is invalid or a getter
 * throws
 */
export function parseResolution(resolution: unknown, name: string): ParsedResolution {
  try {
    return parseFields(resolution, name);
  } catch (error) {
    throw isClerkError(error) ? error : invalidResolutionError(name, errorMessage(error), error);
  }
}

function parseFields(resolution: unknown, name: string): ParsedResolution {
  if (typeof resolution !== 'object' || resolution === null)
    throw invalidResolutionError(name, `the response must be an object; got ${describeValue(resolution)}`);
  const raw = resolution as RawObject;
  const common = {
    endpoints: [],
    policy: undefined,
    path: [],
    revision: parseStringField(raw, 'revision', name),
    incarnation: parseStringField(raw, 'incarnation', name),
    ...definedFields({ position: parseStringField(raw, 'position', name) || undefined }),
  };
  switch (raw.kind) {
    case 'absent':
      return { ...common, kind: 'absent', canonical: name, ttlMs: absentTtlMs(parseTimes(raw, name)) };
    case 'link': {
      const canonical = parseNameField(raw.target, name, 'target');
      const times = parseTimes(raw, name);
      const { guaranteedMs = 0 } = times;
      return {
        ...common,
        kind: 'link',
        canonical,
        path: [{ name, kind: 'link', guaranteedMs }],
        ttlMs: linkTtlMs(times),
        guaranteedMs,
      };
    }
    case 'bound':
      return { ...common, kind: 'bound', ...parseBound(raw, name) };
    default:
      throw invalidResolutionError(name, `kind must be 'bound', 'link' or 'absent'; got ${quote(raw.kind)}`);
  }
}

function parseBound(
  raw: RawObject,
  name: string,
): Omit<ParsedResolution, 'kind' | 'revision' | 'incarnation'> {
  const endpoints = parseEndpoints(raw.endpoints, name);
  const inits = raw.endpoints as readonly EndpointInit[];
  const times = parseTimes(raw, name);
  const { guaranteedMs = 0 } = times;
  const createError = (problem: string): ClerkError => invalidResolutionError(name, problem);
  return {
    canonical: raw.canonical === undefined ? name : parseNameField(raw.canonical, name, 'canonical name'),
    endpoints,
    policy: parseStringField(raw, 'policy', name) || undefined,
    path: parsePath(raw.path, name, guaranteedMs),
    ttlMs: serviceTtlMs(times, endpoints.length > 0),
    guaranteedMs,
    ...definedFields({
      starting: parseStarting(raw.starting, name),
      scheduled: parseScheduled(raw.scheduled, name),
      timeoutMs: parseTimeout(raw, name),
      attemptTimeoutMs: checkAttemptTimeout(raw.attemptTimeoutMs, createError),
      retries: checkRetries(raw.retries, createError),
      startable: raw.startable === true || undefined,
      isStale: raw.stale === true || undefined,
      namesBelow: typeof raw.namesBelow === 'boolean' ? raw.namesBelow : undefined,
      healthQueried: parseHealthQueried(raw.healthQueried, name),
      leaseMs: longestLease(inits),
      loads: parseLoads(inits, endpoints),
    }),
  };
}

function parseTimes(raw: RawObject, name: string): StatedTimes {
  return {
    ttlMs: parseMsField(raw, 'ttlMs', name),
    guaranteedMs: parseMsField(raw, 'guaranteedMs', name),
  };
}

function parseTimeout(raw: RawObject, name: string): number | undefined {
  const timeoutMs = parseMsField(raw, 'timeoutMs', name);
  if (timeoutMs === 0 || (timeoutMs !== undefined && timeoutMs > maxTimerMs))
    throw invalidResolutionError(
      name,
      `timeoutMs must be above 0 and at most ${String(maxTimerMs)}; got ${String(timeoutMs)}`,
    );
  return timeoutMs;
}

function parseStarting(value: unknown, name: string): number | undefined {
  if (value === undefined || value === 0) return undefined;
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw invalidResolutionError(
      name,
      `the field 'starting' must be an integer ≥ 0; got ${describeValue(value)}`,
    );
  return value as number;
}

function parseHealthQueried(value: unknown, name: string): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || !value.every((id) => typeof id === 'string'))
    throw invalidResolutionError(
      name,
      `healthQueried must be a list of instance ids; got ${describeValue(value)}`,
    );
  return value.length === 0 ? undefined : Object.freeze([...value]);
}

function longestLease(endpoints: readonly EndpointInit[]): number | undefined {
  let longestMs = 0;
  for (const { leaseMs = 0 } of endpoints) longestMs = Math.max(longestMs, leaseMs);
  return longestMs || undefined;
}

function parseLoads(
  raw: readonly EndpointInit[],
  endpoints: readonly Endpoint[],
): ReadonlyMap<string, AgedLoad> | undefined {
  let loads: Map<string, AgedLoad> | undefined;
  for (const [i, { id }] of endpoints.entries()) {
    const load = raw[i]?.load;
    if (load === undefined) continue;
    const { utilization, callsPerSecond = 0, errorsPerSecond = 0, ageMs = 0 } = load;
    loads ??= new Map();
    loads.set(id, { utilization, callsPerSecond, errorsPerSecond, ageMs });
  }
  return loads;
}

function parseEndpoints(list: unknown, name: string): readonly Endpoint[] {
  if (!Array.isArray(list))
    throw invalidResolutionError(
      name,
      `endpoints must be a list; got ${describeValue(list)}; use an empty list for a service without endpoints`,
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

const stepKinds: readonly unknown[] = [
  'service',
  'link',
  'mount',
  'directory',
  'group',
] satisfies ResolutionStep['kind'][];

function parsePath(value: unknown, name: string, guaranteedMs: number): readonly ResolutionStep[] {
  if (value === undefined) return [{ name, kind: 'service', guaranteedMs }];
  if (!Array.isArray(value))
    throw invalidResolutionError(name, `the field 'path' must be a list; got ${describeValue(value)}`);
  if (value.length > maxPathSteps)
    throw invalidResolutionError(
      name,
      `the field 'path' must have at most ${String(maxPathSteps)} steps; got ${String(value.length)}`,
    );
  return Array.from(value, (item: unknown) => {
    const step = (typeof item === 'object' && item !== null ? item : {}) as RawObject;
    const { kind } = step;
    if (!stepKinds.includes(kind))
      throw invalidResolutionError(
        name,
        `the kind of a path step must be one of ${stepKinds.join(', ')}; got ${quote(kind)}`,
      );
    return {
      name: parseNameField(step.name, name, 'name of a path step'),
      kind: kind as ResolutionStep['kind'],
      guaranteedMs: parseMsField(step, 'guaranteedMs', name) ?? guaranteedMs,
    };
  });
}

function parseScheduled(value: unknown, name: string): readonly ScheduledChange[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length > maxPathSteps)
    throw invalidResolutionError(
      name,
      `the field 'scheduled' must be a list of at most ${String(maxPathSteps)} changes; got ${describeValue(value)}`,
    );
  if (value.length === 0) return undefined;
  return Object.freeze(
    Array.from(value, (item: unknown): ScheduledChange => {
      const raw = (typeof item === 'object' && item !== null ? item : {}) as RawObject;
      const { change } = raw;
      if (change !== 'replace' && change !== 'remove')
        throw invalidResolutionError(
          name,
          `the field 'change' of a scheduled change must be 'replace' or 'remove'; got ${quote(change)}`,
        );
      return Object.freeze({
        name: parseNameField(raw.name, name, 'name of a scheduled change'),
        change,
        appliesInMs: parseMsField(raw, 'appliesInMs', name) ?? 0,
      });
    }),
  );
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

export function invalidResolutionError(name: string, problem: string, cause?: unknown): ClerkError {
  return new ClerkError(
    'REGISTRY_INVALID',
    `The registry's response for ${name} is invalid: ${problem}`,
    cause === undefined ? {} : { cause },
  );
}

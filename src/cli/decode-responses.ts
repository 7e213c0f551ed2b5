/**
 * Validates the responses of the registry. Each result has exactly the documented keys, in the documented order. Keys
 * that are not documented are dropped.
 *
 * Each function throws a {@link ClerkError} `REGISTRY_INVALID` when a response is invalid.
 */
import { ClerkError } from '../core/errors.js';
import type { Load } from '../core/load-report.js';
import type { ResolutionStep, ListEntry } from '../core/registry.js';
import type {
  ChangeResponse,
  ImportResponse,
  LaunchResponse,
  ListResponse,
  ResolveResponse,
  StopResponse,
  WhoisResponse,
  EndpointMessage,
} from '../protocol/messages.js';

type Decoder<T> = (value: unknown, what: string) => T;
type Fields = Readonly<Record<string, unknown>>;

const string = primitive<string>('string', 'a string');
const boolean = primitive<boolean>('boolean', 'true or false');
const number: Decoder<number> = (value, what) => {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw invalidResponse(what, 'a number');
};
const endpoints = list(endpoint);

export const decodeResolve: Decoder<ResolveResponse> = (value) => {
  const fields = object(value, 'body');
  return {
    name: string(fields.name, 'name'),
    canonical: string(fields.canonical, 'canonical'),
    kind: string(fields.kind, 'kind') as ResolveResponse['kind'],
    path: list(resolutionStep)(fields.path, 'path'),
    endpoints: endpoints(fields.endpoints, 'endpoints'),
    policy: nullable(string)(fields.policy, 'policy'),
    ...(fields.timeoutMs !== undefined && { timeoutMs: number(fields.timeoutMs, 'timeoutMs') }),
    launchable: boolean(fields.launchable, 'launchable'),
    ...(fields.healthQueried !== undefined && {
      healthQueried: list(string)(fields.healthQueried, 'healthQueried'),
    }),
    revision: string(fields.revision, 'revision'),
    incarnation: string(fields.incarnation, 'incarnation'),
    guaranteedMs: number(fields.guaranteedMs, 'guaranteedMs'),
    ttlMs: number(fields.ttlMs, 'ttlMs'),
  };
};

export const decodeList: Decoder<Omit<ListResponse, 'revision'>> = (value) => {
  const fields = object(value, 'body');
  return {
    entries: list(listEntry)(fields.entries, 'entries'),
    next: nullable(string)(fields.next, 'next'),
    incarnation: string(fields.incarnation, 'incarnation'),
  };
};

export const decodeWhois: Decoder<WhoisResponse> = (value) => ({
  owners: list((owner, what) => {
    const fields = object(owner, what);
    return {
      name: string(fields.name, 'name'),
      id: string(fields.id, 'id'),
      epoch: number(fields.epoch, 'epoch'),
    };
  })(object(value, 'body').owners, 'owners'),
});

export const decodeChange: Decoder<Pick<ChangeResponse, 'revision' | 'appliesInMs'>> = (value) => {
  const fields = object(value, 'body');
  return {
    revision: string(fields.revision, 'revision'),
    appliesInMs: number(fields.appliesInMs, 'appliesInMs'),
  };
};

export const decodeLaunch: Decoder<LaunchResponse> = (value) => {
  const fields = object(value, 'body');
  return {
    name: string(fields.name, 'name'),
    endpoints: endpoints(fields.endpoints, 'endpoints'),
    started: boolean(fields.started, 'started'),
  };
};

export const decodeStop: Decoder<StopResponse> = (value) => ({
  stopped: number(object(value, 'body').stopped, 'stopped'),
});

export const decodeImport: Decoder<ImportResponse> = (value) => {
  const fields = object(value, 'body');
  return { entries: number(fields.entries, 'entries'), revision: string(fields.revision, 'revision') };
};

function endpoint(value: unknown, what: string): EndpointMessage {
  const fields = object(value, what);
  return {
    id: string(fields.id, 'id'),
    epoch: number(fields.epoch, 'epoch'),
    addresses: list(string)(fields.addresses, 'addresses'),
    host: nullable(string)(fields.host, 'host'),
    zone: nullable(string)(fields.zone, 'zone'),
    version: nullable(string)(fields.version, 'version'),
    weight: number(fields.weight, 'weight'),
    attributes: stringMap(fields.attributes),
    leaseMs: number(fields.leaseMs, 'leaseMs'),
    state: string(fields.state, 'state') as EndpointMessage['state'],
    ...(fields.load !== undefined && { load: load(fields.load, 'load') }),
  };
}

function load(value: unknown, what: string): Load {
  const fields = object(value, what);
  return {
    utilization: number(fields.utilization, 'utilization'),
    callsPerSecond: number(fields.callsPerSecond, 'callsPerSecond'),
    errorsPerSecond: number(fields.errorsPerSecond, 'errorsPerSecond'),
  };
}

function resolutionStep(value: unknown, what: string): ResolutionStep {
  const fields = object(value, what);
  return {
    name: string(fields.name, 'name'),
    kind: string(fields.kind, 'kind') as ResolutionStep['kind'],
    guaranteedMs: number(fields.guaranteedMs, 'guaranteedMs'),
  };
}

function listEntry(value: unknown, what: string): ListEntry {
  const fields = object(value, what);
  return {
    name: string(fields.name, 'name'),
    kind: string(fields.kind, 'kind') as ListEntry['kind'],
    ...(fields.endpoints !== undefined && { endpoints: number(fields.endpoints, 'endpoints') }),
    ...(fields.suspects !== undefined && { suspects: number(fields.suspects, 'suspects') }),
    ...(fields.target !== undefined && { target: string(fields.target, 'target') }),
  };
}

function stringMap(value: unknown): Readonly<Record<string, string>> {
  const pairs = Object.entries(object(value, 'attributes'));
  return Object.fromEntries(pairs.map(([key, one]) => [key, string(one, 'attributes')]));
}

function object(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalidResponse(what, 'an object');
}

function list<T>(decode: Decoder<T>): Decoder<readonly T[]> {
  return (value, what) => {
    if (!Array.isArray(value)) throw invalidResponse(what, 'an array');
    return value.map((one) => decode(one, what));
  };
}

function nullable<T>(decode: Decoder<T>): Decoder<T | null> {
  return (value, what) => (value === null ? null : decode(value, what));
}

function primitive<T>(type: 'string' | 'boolean', expected: string): Decoder<T> {
  return (value, what) => {
    if (typeof value === type) return value as T;
    throw invalidResponse(what, expected);
  };
}

function invalidResponse(field: string, expected: string): ClerkError {
  return new ClerkError(
    'REGISTRY_INVALID',
    `Response of the registry is invalid: ${field} must be ${expected}; check that the URL belongs to a registry of the same version as this command`,
  );
}

/**
 * The registry's answers as commands use them: checked, and with the keys that are promised, in their order, whatever
 * else was sent. What makes no sense is `REGISTRY_INVALID`, never a crash.
 */
import { ClerkError } from '../core/errors.js';
import type { Load } from '../core/load-report.js';
import type { Arc, ListEntry } from '../core/registry.js';
import type {
  ChangeReply,
  ImportReply,
  LaunchReply,
  ListReply,
  ResolveReply,
  StopReply,
  WhoisReply,
  WireEndpoint,
} from '../wire/messages.js';

type Read<T> = (value: unknown, what: string) => T;
type Fields = Readonly<Record<string, unknown>>;

const text = ofType<string>('string', 'a text');
const flag = ofType<boolean>('boolean', 'true or false');
const number: Read<number> = (value, what) => {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw senseless(what, 'a number');
};
const endpoints = list(endpoint);

export const resolveReply: Read<ResolveReply> = (value) => {
  const fields = record(value, 'its answer');
  return {
    name: text(fields.name, 'name'),
    canonical: text(fields.canonical, 'canonical'),
    kind: text(fields.kind, 'kind') as ResolveReply['kind'],
    trail: list(arc)(fields.trail, 'trail'),
    endpoints: endpoints(fields.endpoints, 'endpoints'),
    policy: orNull(text)(fields.policy, 'policy'),
    ...(fields.timeoutMs !== undefined && { timeoutMs: number(fields.timeoutMs, 'timeoutMs') }),
    launchable: flag(fields.launchable, 'launchable'),
    ...(fields.doubted !== undefined && { doubted: list(text)(fields.doubted, 'doubted') }),
    revision: text(fields.revision, 'revision'),
    incarnation: text(fields.incarnation, 'incarnation'),
    promiseMs: number(fields.promiseMs, 'promiseMs'),
    ttlMs: number(fields.ttlMs, 'ttlMs'),
  };
};

export const listReply: Read<Omit<ListReply, 'revision'>> = (value) => {
  const fields = record(value, 'its answer');
  return {
    entries: list(listEntry)(fields.entries, 'entries'),
    next: orNull(text)(fields.next, 'next'),
    incarnation: text(fields.incarnation, 'incarnation'),
  };
};

export const whoisReply: Read<WhoisReply> = (value) => ({
  owners: list((owner, what) => {
    const fields = record(owner, what);
    return {
      name: text(fields.name, 'name'),
      id: text(fields.id, 'id'),
      epoch: number(fields.epoch, 'epoch'),
    };
  })(record(value, 'its answer').owners, 'owners'),
});

export const changeReply: Read<Pick<ChangeReply, 'revision' | 'inMs'>> = (value) => {
  const fields = record(value, 'its answer');
  return { revision: text(fields.revision, 'revision'), inMs: number(fields.inMs, 'inMs') };
};

export const launchReply: Read<LaunchReply> = (value) => {
  const fields = record(value, 'its answer');
  return {
    name: text(fields.name, 'name'),
    endpoints: endpoints(fields.endpoints, 'endpoints'),
    started: flag(fields.started, 'started'),
  };
};

export const stopReply: Read<StopReply> = (value) => ({
  stopped: number(record(value, 'its answer').stopped, 'stopped'),
});

export const importReply: Read<ImportReply> = (value) => {
  const fields = record(value, 'its answer');
  return { entries: number(fields.entries, 'entries'), revision: text(fields.revision, 'revision') };
};

function endpoint(value: unknown, what: string): WireEndpoint {
  const fields = record(value, what);
  return {
    id: text(fields.id, 'id'),
    epoch: number(fields.epoch, 'epoch'),
    addresses: list(text)(fields.addresses, 'addresses'),
    host: orNull(text)(fields.host, 'host'),
    zone: orNull(text)(fields.zone, 'zone'),
    version: orNull(text)(fields.version, 'version'),
    weight: number(fields.weight, 'weight'),
    attributes: texts(fields.attributes),
    leaseMs: number(fields.leaseMs, 'leaseMs'),
    state: text(fields.state, 'state') as WireEndpoint['state'],
    ...(fields.load !== undefined && { load: load(fields.load, 'load') }),
  };
}

function load(value: unknown, what: string): Load {
  const fields = record(value, what);
  return {
    utilization: number(fields.utilization, 'utilization'),
    callsPerSecond: number(fields.callsPerSecond, 'callsPerSecond'),
    errorsPerSecond: number(fields.errorsPerSecond, 'errorsPerSecond'),
  };
}

function arc(value: unknown, what: string): Arc {
  const fields = record(value, what);
  return {
    name: text(fields.name, 'name'),
    kind: text(fields.kind, 'kind') as Arc['kind'],
    promiseMs: number(fields.promiseMs, 'promiseMs'),
  };
}

function listEntry(value: unknown, what: string): ListEntry {
  const fields = record(value, what);
  return {
    name: text(fields.name, 'name'),
    kind: text(fields.kind, 'kind') as ListEntry['kind'],
    ...(fields.endpoints !== undefined && { endpoints: number(fields.endpoints, 'endpoints') }),
    ...(fields.suspects !== undefined && { suspects: number(fields.suspects, 'suspects') }),
    ...(fields.target !== undefined && { target: text(fields.target, 'target') }),
  };
}

function texts(value: unknown): Readonly<Record<string, string>> {
  const pairs = Object.entries(record(value, 'attributes'));
  return Object.fromEntries(pairs.map(([key, one]) => [key, text(one, 'attributes')]));
}

function record(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw senseless(what, 'an object');
}

function list<T>(read: Read<T>): Read<readonly T[]> {
  return (value, what) => {
    if (!Array.isArray(value)) throw senseless(what, 'a list');
    return value.map((one) => read(one, what));
  };
}

function orNull<T>(read: Read<T>): Read<T | null> {
  return (value, what) => (value === null ? null : read(value, what));
}

function ofType<T>(type: 'string' | 'boolean', wanted: string): Read<T> {
  return (value, what) => {
    if (typeof value === type) return value as T;
    throw senseless(what, wanted);
  };
}

function senseless(what: string, wanted: string): ClerkError {
  return new ClerkError(
    'REGISTRY_INVALID',
    `The registry's answer makes no sense: ${what} is not ${wanted}; is it a registry, and of this version?`,
  );
}

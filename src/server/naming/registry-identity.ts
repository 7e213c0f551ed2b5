import type { Hashing } from '../../protocol/launch-proof.js';
import type { RecordChange } from '../ports.js';
import { damagedRecordError, storeKeys } from './state/record-codec.js';

export interface Run {
  /** Number of the run within the incarnation; the first run is 1. */
  readonly number: number;
  /** Random id of 8 hexadecimal digits. */
  readonly id: string;
  /** Last revision of the run; undefined for the current run. */
  readonly lastRevision?: number;
}

/** Distinguishes a registry from its copies and from its own earlier data. */
export interface RegistryIdentity {
  /** Begins with the time of its creation, so later incarnations of a registry sort after earlier ones. */
  readonly incarnation: string;
  readonly earlier: readonly string[];
  /** Secret key of the marks of positions, 64 hexadecimal digits. */
  readonly key: string;
  readonly owner: string;
  readonly runs: readonly Run[];
}

/**
 * Number of epochs that are skipped after changes were lost. Assumed to exceed the number of lost epochs, unless a
 * position proves that more were lost.
 */
export const epochMargin = 1_000_000;

/**
 * Number of revisions that are skipped at each start of a single server: clients may have seen revisions that were
 * never saved.
 */
export const restartStride = 1_000_000;

const maxRuns = 64;
const maxEarlier = 64;

type IdentityRuntime = Pick<Hashing, 'randomHex'> & { wallNow(): number };

export function newIdentity(runtime: IdentityRuntime): RegistryIdentity {
  return {
    incarnation: newIncarnation(runtime, ''),
    earlier: [],
    ...newSecrets(runtime),
    runs: [{ number: 1, id: runtime.randomHex(4) }],
  };
}

export function nextRun(
  identity: RegistryIdentity,
  lastRevision: number,
  runtime: IdentityRuntime,
): RegistryIdentity {
  const { runs } = identity;
  const last = runs.at(-1);
  const ended = last === undefined ? [] : [...runs.slice(0, -1), { ...last, lastRevision }];
  const next = { number: (last?.number ?? 0) + 1, id: runtime.randomHex(4) };
  return { ...identity, runs: [...ended, next].slice(-maxRuns) };
}

/** @param lost - incarnation to which the lost changes belonged */
export function nextIncarnation(
  identity: RegistryIdentity,
  lost: string,
  runtime: IdentityRuntime,
): RegistryIdentity {
  const { incarnation, earlier } = identity;
  const known = new Set([...earlier, incarnation, lost]);
  const latest = [incarnation, lost].sort().at(-1) as string;
  return {
    ...identity,
    incarnation: newIncarnation(runtime, latest),
    earlier: [...known].slice(-maxEarlier),
    runs: [{ number: 1, id: runtime.randomHex(4) }],
  };
}

/** Returns the identity of a copy, with a new incarnation and new secrets. */
export function identityOfCopy(original: RegistryIdentity, runtime: IdentityRuntime): RegistryIdentity {
  return { ...nextIncarnation(original, original.incarnation, runtime), ...newSecrets(runtime) };
}

export function encodeIdentity(identity: RegistryIdentity): readonly RecordChange[] {
  return [
    { key: storeKeys.incarnation, value: identity.incarnation },
    { key: storeKeys.earlier, value: JSON.stringify(identity.earlier) },
    { key: storeKeys.key, value: identity.key },
    { key: storeKeys.owner, value: identity.owner },
    { key: storeKeys.runs, value: JSON.stringify(identity.runs) },
  ];
}

/**
 * Decodes the identity of a registry. Creates missing secrets, which a salvaged store may lack.
 *
 * @throws {@link ClerkError} `REGISTRY_INVALID` when a record is damaged
 */
export function decodeIdentity(
  records: ReadonlyMap<string, string>,
  runtime: IdentityRuntime,
): RegistryIdentity {
  const incarnation = records.get(storeKeys.incarnation) ?? '';
  if (!/^[0-9a-z]{1,64}$/.test(incarnation)) throw damagedRecordError(storeKeys.incarnation);
  const created = newSecrets(runtime);
  const key = records.get(storeKeys.key) ?? created.key;
  const owner = records.get(storeKeys.owner) ?? created.owner;
  if (!/^[0-9a-f]{64}$/.test(key)) throw damagedRecordError(storeKeys.key);
  if (!/^[0-9a-f]{1,64}$/.test(owner)) throw damagedRecordError(storeKeys.owner);
  const earlier = decodeList(records, storeKeys.earlier).map(String);
  const runs = decodeList(records, storeKeys.runs) as readonly Run[];
  if (!runs.every(({ number }) => Number.isSafeInteger(number))) throw damagedRecordError(storeKeys.runs);
  return { incarnation, earlier, key, owner, runs };
}

function decodeList(records: ReadonlyMap<string, string>, key: string): readonly unknown[] {
  try {
    const list = JSON.parse(records.get(key) ?? '[]') as unknown;
    if (Array.isArray(list) && list.every((item) => item !== null)) return list;
  } catch {
    // The error below names the record.
  }
  throw damagedRecordError(key);
}

function newSecrets(runtime: IdentityRuntime): Pick<RegistryIdentity, 'key' | 'owner'> {
  return { key: runtime.randomHex(32), owner: runtime.randomHex(8) };
}

const timeDigits = 9;

export function incarnationAfter(previous: string, randomHex: (bytes: number) => string): string {
  return newIncarnation({ wallNow: () => 0, randomHex }, previous);
}

/** Returns an incarnation that sorts after `previous`, even if the wall clock was set back. */
function newIncarnation(runtime: IdentityRuntime, previous: string): string {
  const now = Math.max(0, Math.floor(runtime.wallNow())).toString(36).padStart(timeDigits, '0');
  const last = previous.slice(0, timeDigits);
  const time = now > last ? now : successorOf(last);
  return `${time}${runtime.randomHex(4)}`;
}

/** Returns the next text of 9 digits to the base of 36. */
function successorOf(text: string): string {
  const value = parseInt(text.padEnd(timeDigits, '0'), 36) + 1;
  return value.toString(36).padStart(timeDigits, '0');
}

/** Rotates the key of a registry, which is in the file `registry.identity` of the data folder. */
import { join } from 'node:path';
import type { CheckedCredentials, KeyTools } from '../core/credentials.js';
import { quote } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import type { KeyPin } from '../core/key-pin.js';

/** Principal of the registry itself. */
export const registryName = '/registry';

export interface RegistryKeyState {
  /** Present key, which the registry uses for connections and tickets. */
  readonly credentials: CheckedCredentials;
  /** Next key of a rotation, between the steps `prepare` and `switch`. */
  readonly next?: CheckedCredentials | undefined;
  /** The keys that clients and services must accept, the present key first. */
  readonly pins: readonly KeyPin[];
  /** Time of the last step of a rotation, in ms since 1970. */
  readonly changedAt?: number | undefined;
}

/** Port to the file of the registry key. */
export interface RegistryKeyFile {
  /** Returns undefined when the file does not exist. @throws {@link ClerkError} `IDENTITY_INVALID` */
  read(path: string): RegistryKeyState | undefined;
  write(path: string, state: RegistryKeyState): Promise<void>;
}

/**
 * A step of the rotation of a registry key. `prepare` creates the next key, `switch` makes the registry use it, and
 * `retire` removes the former key.
 */
export type RegistryKeyStep = 'prepare' | 'switch' | 'retire';

/** The result of a step of the rotation of a registry key. */
export interface RegistryKeyRotation {
  /** The key that the registry uses after the step. */
  readonly registryKey: KeyPin;
  /** The keys that clients and services must accept after the step. */
  readonly registryKeys: readonly KeyPin[];
  /** The next step; undefined after the last step. */
  readonly next: RegistryKeyStep | undefined;
  /** Time until the next step is possible, in ms. */
  readonly nextInMs: number;
}

/** Port to an identity file of a client of the registry. */
export interface ClientKeysFile {
  /** Replaces the registry keys in the file, if the file exists and contains one of them. */
  updateRegistryKeys(path: string, pins: readonly KeyPin[]): Promise<void>;
}

export interface RotationOptions {
  readonly data: string;
  readonly step: RegistryKeyStep;
  readonly force: boolean;
}

interface RotationRuntime {
  readonly files: RegistryKeyFile & ClientKeysFile;
  readonly keys: Pick<KeyTools, 'create'>;
  readonly wallNow: () => number;
}

/**
 * Minimum time between two steps, in ms. After `prepare`, each clerk that makes calls requests a ticket within this
 * time, and so learns the next key. After `switch`, the last ticket of the former key expires within this time: 5
 * min, and 30 s of clock difference.
 */
export const rotationStepMs = 330_000;

export function registryKeyPath(data: string): string {
  return join(data, 'registry.identity');
}

export function operatorPath(data: string): string {
  return join(data, 'operator.identity');
}

/**
 * Makes one step of a rotation, and updates the identity file of the operator in the data folder. A repeated step
 * only completes a step that a crash has interrupted.
 *
 * @throws {@link ClerkError} `CHANGE_TOO_EARLY` less than 330 s after the last step, unless forced
 * @see [Decision 095](../../docs/decisions/095-registry-key-in-three-steps.md)
 */
export async function rotateKey(
  { data, step, force }: RotationOptions,
  { files, keys, wallNow }: RotationRuntime,
): Promise<RegistryKeyRotation> {
  const path = registryKeyPath(data);
  const state = files.read(path);
  if (state === undefined)
    throw new ClerkError(
      'CONFIG_INVALID',
      `Data folder ${quote(data)} has no registry key; run clerk init first`,
    );
  const next = stepFrom(state, step, keys);
  if (next === state) {
    await files.updateRegistryKeys(operatorPath(data), state.pins);
    return describeRotation(state, wallNow());
  }
  const waitMs = step === 'prepare' || force ? 0 : remainingMs(state, wallNow());
  if (waitMs > 0)
    throw new ClerkError(
      'CHANGE_TOO_EARLY',
      `The step ${step} must not come earlier than ${rotationStepMs / 1_000} s after the previous step, because clients need this time to learn a new key and to replace their tickets; retry in ${Math.ceil(waitMs / 1_000)} s`,
      { remainingMs: waitMs },
    );
  const changed = { ...next, changedAt: wallNow() };
  await files.write(path, changed);
  await files.updateRegistryKeys(operatorPath(data), changed.pins);
  return describeRotation(changed, wallNow());
}

/** Returns the state after a step; returns `state` itself when the step was already made. */
function stepFrom(
  state: RegistryKeyState,
  step: RegistryKeyStep,
  keys: Pick<KeyTools, 'create'>,
): RegistryKeyState {
  const { credentials, next, pins } = state;
  const isSwitched = next === undefined && pins.length > 1;
  if (step === 'prepare') {
    if (next !== undefined) return state;
    if (isSwitched) throw orderError('The last rotation is not complete; make its step retire first');
    const prepared = keys.create(registryName, credentials.algorithm);
    return { credentials, next: prepared, pins: [credentials.pin, prepared.pin] };
  }
  if (step === 'switch') {
    if (isSwitched) return state;
    if (next === undefined) throw orderError('There is no next key; make the step prepare first');
    return { credentials: next, pins: [next.pin, credentials.pin] };
  }
  if (next !== undefined) throw orderError('The next key is not in use yet; make the step switch first');
  return isSwitched ? { credentials, pins: [credentials.pin] } : state;
}

function orderError(message: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', message);
}

function remainingMs({ changedAt = 0 }: RegistryKeyState, now: number): number {
  return Math.min(rotationStepMs, Math.max(0, changedAt + rotationStepMs - now));
}

function describeRotation(state: RegistryKeyState, now: number): RegistryKeyRotation {
  const { credentials, next, pins } = state;
  const following = next !== undefined ? 'switch' : pins.length > 1 ? 'retire' : undefined;
  return Object.freeze({
    registryKey: credentials.pin,
    registryKeys: Object.freeze([...pins]),
    next: following,
    nextInMs: following === undefined ? 0 : remainingMs(state, now),
  });
}

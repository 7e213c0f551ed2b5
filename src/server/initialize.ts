/** The identity files in the data folder of a secured registry. */
import { join } from 'node:path';
import type { CheckedCredentials, KeyTools } from '../core/credentials.js';
import { quote } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import type { KeyPin } from '../core/key-pin.js';
import type { IdentityService } from './ports.js';

/** Principal of the registry itself. */
const registryName = '/registry';
/** The first operator, which has all rights. */
const operatorName = '/operator';

/** An initialized data folder. */
export interface InitializedRegistry {
  /** Key with which clients recognize the registry: the option `registryKey` of a clerk. */
  readonly registryKey: string;
  /** Path of the identity file of the first operator, which has all rights on all names. */
  readonly operator: string;
}

/** Port to identity files. */
export interface IdentityFiles {
  /** Returns undefined when the file does not exist. @throws {@link ClerkError} `IDENTITY_INVALID` */
  read(path: string): CheckedCredentials | undefined;
  write(path: string, credentials: CheckedCredentials, registryKeys: readonly KeyPin[]): Promise<void>;
}

export interface InitializeRuntime {
  readonly files: IdentityFiles;
  readonly keys: Pick<KeyTools, 'create'>;
  /** Opens the identities in the data folder. */
  readonly openIdentities: () => Promise<{
    readonly identities: IdentityService;
    close(): Promise<void>;
  }>;
}

function registryPath(data: string): string {
  return join(data, 'registry.identity');
}

/** Creates the keys of the registry and of the first operator. After a crash, the next call completes the work. */
export async function initialize(
  data: string,
  { files, keys, openIdentities }: InitializeRuntime,
): Promise<InitializedRegistry> {
  const store = await openIdentities();
  try {
    if (files.read(registryPath(data)) !== undefined)
      throw new ClerkError(
        'FORBIDDEN',
        `Data folder ${quote(data)} is initialized already; use the identity of its operator, or another folder`,
      );
    const registry = keys.create(registryName);
    const path = join(data, 'operator.identity');
    const operator = files.read(path) ?? keys.create(operatorName);
    await files.write(path, operator, [registry.pin]);
    if (store.identities.ownerOf(operator.pin)?.principal !== operatorName)
      await store.identities.enrolOperator(operatorName, operator.pin);
    // A server is secured as soon as this file exists, so it is the last step.
    await files.write(registryPath(data), registry, [registry.pin]);
    return Object.freeze({ registryKey: registry.pin, operator: path });
  } finally {
    await store.close();
  }
}

/** Returns the key of a secured registry; undefined for a data folder that is not initialized. */
export function readRegistryKey(data: string, files: IdentityFiles): CheckedCredentials | undefined {
  return files.read(registryPath(data));
}

/**
 * A registry must not become open because a file is missing.
 *
 * @throws {@link ClerkError} `IDENTITY_INVALID` when only the key or only the identities exist
 * @see [C7.8](../../docs/guarantees.md#c7-8)
 */
export function checkInitialized(
  data: string,
  credentials: CheckedCredentials | undefined,
  { isInitialized }: IdentityService,
): void {
  if ((credentials !== undefined) === isInitialized) return;
  throw new ClerkError(
    'IDENTITY_INVALID',
    credentials === undefined
      ? `Data folder ${quote(data)} has enrolled keys, but the file ${quote(registryPath(data))} is missing; restore the file from a backup`
      : `Data folder ${quote(data)} has a registry key, but no enrolled keys; restore the folder from a backup, or remove ${quote(registryPath(data))} and run clerk init again`,
  );
}

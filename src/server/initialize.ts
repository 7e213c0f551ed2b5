/** Creates and checks the identity files in the data folder of a secured registry. */
import type { CheckedCredentials, KeyTools } from '../core/credentials.js';
import { quote } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import type { KeyPin } from '../core/key-pin.js';
import type { IdentityService } from './ports.js';
import type { SharedLog } from './shared-log.js';
import { operatorPath, registryKeyPath, registryName, type RegistryKeyFile } from './registry-key.js';

/** The first operator, which has all rights. */
const operatorName = '/operator';

/** An initialized data folder. */
export interface InitializedRegistry {
  /** Key of the registry, for the option `registryKey` of a clerk. */
  readonly registryKey: string;
  /** Path of the identity file of the operator, which has all rights on all names. */
  readonly operator: string;
}

/** Options of `createOperator`. */
export interface NewOperatorOptions {
  /** Data folder of the registry. */
  readonly data: string;
  /**
   * URL of the database that stores the names, as in the option `store` of `startServer`. Default: the names are in
   * `data`.
   */
  readonly store?: string | SharedLog;
  /** File of mode 0600 that contains the URL, in place of `store`. */
  readonly storeFile?: string;
  /** Path of the new identity file. Default: `operator.identity` in the data folder. */
  readonly file?: string;
  /** Whether all other keys and unused tokens of the operator are revoked. Default false. */
  readonly revokeOthers?: boolean;
}

/** Port to identity files. */
export interface IdentityFiles {
  /** Returns undefined when the file does not exist. @throws {@link ClerkError} `IDENTITY_INVALID` */
  read(path: string): CheckedCredentials | undefined;
  write(path: string, credentials: CheckedCredentials, registryKeys: readonly KeyPin[]): Promise<void>;
}

export interface InitializeRuntime {
  readonly keyFile: RegistryKeyFile;
  readonly identityFiles: IdentityFiles;
  readonly keys: Pick<KeyTools, 'create'>;
  /** The database that stores the identities, for messages; undefined when they are in the data folder. */
  readonly engine: string | undefined;
  /** Opens the identities. */
  readonly openIdentities: () => Promise<{
    readonly identities: IdentityService;
    close(): Promise<void>;
  }>;
}

/** Creates the keys of the registry and of the first operator. After a crash, the next call completes the work. */
export async function initialize(
  data: string,
  { keyFile, identityFiles, keys, engine, openIdentities }: InitializeRuntime,
): Promise<InitializedRegistry> {
  const store = await openIdentities();
  try {
    if (keyFile.read(registryKeyPath(data)) !== undefined)
      throw new ClerkError(
        'FORBIDDEN',
        `Data folder ${quote(data)} is already initialized; use the identity of its operator, or another folder`,
      );
    const registry = keys.create(registryName);
    const path = operatorPath(data);
    const present = identityFiles.read(path);
    const isOperator = present !== undefined && store.identities.ownerOf(present.pin) !== undefined;
    if (engine !== undefined && store.identities.isInitialized && !isOperator)
      throw new ClerkError(
        'FORBIDDEN',
        `The registry in ${engine} is already secured; copy the file registry.identity from the data folder of another server to ${quote(registryKeyPath(data))}`,
      );
    const operator = present ?? keys.create(operatorName);
    await identityFiles.write(path, operator, [registry.pin]);
    if (store.identities.ownerOf(operator.pin)?.principal !== operatorName)
      await store.identities.enrolOperator(operatorName, operator.pin);
    // This file is written last, because a server that finds the file requires keys and rights.
    await keyFile.write(registryKeyPath(data), { credentials: registry, pins: [registry.pin] });
    return Object.freeze({ registryKey: registry.pin, operator: path });
  } finally {
    await store.close();
  }
}

/** Creates another key of the operator. After a crash, the next call completes the work. */
export async function addOperator(
  { data, file = operatorPath(data), revokeOthers = false }: NewOperatorOptions,
  { keyFile, identityFiles, keys, openIdentities }: InitializeRuntime,
): Promise<InitializedRegistry> {
  const registry = keyFile.read(registryKeyPath(data));
  if (registry === undefined)
    throw new ClerkError(
      'CONFIG_INVALID',
      `Data folder ${quote(data)} is not secured, so it has no operator; run clerk init without --new-operator`,
    );
  const store = await openIdentities();
  try {
    const { identities } = store;
    const present = identityFiles.read(file);
    if (present !== undefined && identities.ownerOf(present.pin) !== undefined && !revokeOthers)
      throw new ClerkError(
        'FORBIDDEN',
        `Identity file ${quote(file)} has a valid key; use the file, choose another file, or revoke the other keys of the operator`,
      );
    const operator = keys.create(operatorName);
    // The file is written first. If a crash follows, the next call replaces its key, which is not enrolled.
    await identityFiles.write(file, operator, registry.pins);
    await identities.replaceOperator(operatorName, operator.pin, revokeOthers);
    return Object.freeze({ registryKey: registry.credentials.pin, operator: file });
  } finally {
    await store.close();
  }
}

/**
 * Checks that a registry has both a key and identities, or neither. A missing file must not turn a secured registry
 * into an open one.
 *
 * @throws {@link ClerkError} `IDENTITY_INVALID` when only the key or only the identities exist
 * @see [C7.8](../../docs/guarantees.md#c7-8)
 */
export function checkInitialized(
  data: string | undefined,
  hasKey: boolean,
  { isInitialized }: IdentityService,
  engine: string | undefined,
): void {
  if (hasKey === isInitialized) return;
  if (engine !== undefined)
    throw new ClerkError(
      'IDENTITY_INVALID',
      data === undefined
        ? `The registry in ${engine} is secured, so each of its servers needs a data folder with the key of the registry; set the data folder, and copy registry.identity from another server to it`
        : !hasKey
          ? `The registry in ${engine} is secured, but the file ${quote(registryKeyPath(data))} is missing; copy it from the data folder of another server`
          : `Data folder ${quote(data)} has a registry key, but the registry in ${engine} is not secured; check the store URL, or run clerk init with a new data folder`,
    );
  if (data === undefined) return;
  throw new ClerkError(
    'IDENTITY_INVALID',
    !hasKey
      ? `Data folder ${quote(data)} has enrolled keys, but the file ${quote(registryKeyPath(data))} is missing; restore the file from a backup`
      : `Data folder ${quote(data)} has a registry key, but no enrolled keys; restore the folder from a backup, or remove ${quote(registryKeyPath(data))} and run clerk init again`,
  );
}

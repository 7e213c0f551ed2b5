import type { Clock } from '../core/clock.js';
import type { CredentialProvider, KeyAlgorithm } from '../core/credentials.js';
import { describeValue, quote } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import type { PrivateFiles } from '../core/files.js';
import type { Identity } from '../core/identity.js';
import { isObject } from '../core/is-object.js';
import { parsePins, type KeyPin } from '../core/key-pin.js';
import { parseName } from '../core/name.js';
import { isEnrolToken } from '../protocol/enrol-token.js';
import { parseRegistryList, registryUrlsOf } from '../registry-client/registry-access.js';
import { enrolKey } from './request-enrolment.js';
import { IdentityFile, type IdentityContent } from './identity-file.js';
import { OpenedIdentity, type IdentityStore, type OpenedIdentityRuntime } from './opened-identity.js';

/** Options of {@link openIdentity}. An unknown key is an error. */
export interface IdentityOptions {
  /**
   * Path of the identity file. A file that does not exist is created by the enrolment. Default: the key exists in
   * memory only, and is lost when the process ends.
   */
  readonly file?: string;
  /** The principal: an absolute name. Required for an enrolment. */
  readonly name?: string;
  /** One-time token, as `clerk token` prints it. Required for an enrolment, and unused afterwards. */
  readonly token?: string;
  /** Registry addresses. Default: those in the file. Required for an enrolment. */
  readonly registry?: string | readonly string[];
  /** One or more pins of registry keys. Default: those in the file. Required for an enrolment. */
  readonly registryKey?: string | readonly string[];
  /** Algorithm of the new key of an enrolment. A rotation keeps the algorithm. Default `Ed25519`. */
  readonly algorithm?: KeyAlgorithm;
}

export interface IdentityRuntime extends OpenedIdentityRuntime {
  readonly clock: Pick<Clock, 'now'>;
  readonly files: PrivateFiles;
}

const optionKeys = Object.keys({
  file: true,
  name: true,
  token: true,
  registry: true,
  registryKey: true,
  algorithm: true,
} satisfies Record<keyof IdentityOptions, true>);

const keyAlgorithms: readonly unknown[] = ['Ed25519', 'ES256'] satisfies readonly KeyAlgorithm[];

/** The options after their validation. */
interface IdentityConfig {
  readonly name: string | undefined;
  readonly token: string | undefined;
  readonly registry: readonly string[] | undefined;
  readonly registryKeys: readonly KeyPin[] | undefined;
  readonly algorithm: KeyAlgorithm;
}

/** @param source - path of an identity file, options, or a function that returns credentials */
export async function openIdentityFrom(
  source: string | IdentityOptions | CredentialProvider,
  runtime: IdentityRuntime,
): Promise<Identity> {
  const given: unknown = source;
  if (typeof given === 'function')
    return OpenedIdentity.open(providerStore(given as CredentialProvider, runtime), runtime);
  const options = toOptions(given);
  const config = toConfig(options);
  if (options.file === undefined)
    return OpenedIdentity.open(memoryStore(await enrolInMemory(config, runtime)), runtime);
  const file = new IdentityFile(options.file, runtime);
  const store = fileStore(file, config);
  await enrolFile(file, config, runtime);
  return OpenedIdentity.open(store, runtime);
}

function toOptions(source: unknown): IdentityOptions {
  if (typeof source === 'string' && source !== '') return { file: source };
  if (!isObject(source))
    throw optionError(
      `needs the path of an identity file, a function that returns { name, key, cert }, or options; got ${describeValue(source)}`,
    );
  const unknown = Object.keys(source).find((key) => !optionKeys.includes(key));
  if (unknown !== undefined)
    throw optionError(`got the unknown option '${unknown}'; known options are ${optionKeys.join(', ')}`);
  if (source.file !== undefined && (typeof source.file !== 'string' || source.file === ''))
    throw optionError(`needs a path in the option 'file'; got ${describeValue(source.file)}`);
  return source;
}

/** A string may contain several URLs, separated by commas, as in `$CLERK_REGISTRY`. */
function parseRegistry(registry: unknown): readonly string[] {
  const subject = 'openIdentity(): registry';
  return typeof registry === 'string'
    ? parseRegistryList(registry, subject)
    : registryUrlsOf({ registry }, subject);
}

function toConfig(options: IdentityOptions): IdentityConfig {
  const { name, token, registry, registryKey, algorithm = 'Ed25519' } = options;
  // The message does not quote the token. @see [C8.4](../../docs/guarantees.md#c8-4)
  if (token !== undefined && !isEnrolToken(token))
    throw optionError(
      "needs a complete token in the option 'token'; copy the whole line that clerk token has printed, which begins with clerk_token_",
    );
  if (!keyAlgorithms.includes(algorithm))
    throw optionError(`needs Ed25519 or ES256 in the option 'algorithm'; got ${describeValue(algorithm)}`);
  return {
    name: name === undefined ? undefined : parseName(name),
    token,
    registry: registry === undefined ? undefined : parseRegistry(registry),
    registryKeys: registryKey === undefined ? undefined : parsePins(registryKey),
    algorithm,
  };
}

/**
 * Enrols the key of a file, unless a registry has already confirmed the key. A new key is written to the file before
 * the enrolment, so that a crash does not lose the key that the token has enrolled.
 */
async function enrolFile(
  file: IdentityFile,
  config: IdentityConfig,
  runtime: IdentityRuntime,
): Promise<void> {
  const existing = file.readIfExists();
  const { name } = config;
  if (existing !== undefined && name !== undefined && existing.credentials.name !== name)
    throw new ClerkError('IDENTITY_INVALID', otherNameMessage(file.path, existing, name));
  if (existing !== undefined && (existing.registryKeys.length > 0 || config.token === undefined)) return;
  if (existing === undefined && config.token === undefined) {
    file.read();
    return;
  }
  const request = toEnrolment(config);
  const credentials = existing?.credentials ?? runtime.keys.create(request.name, request.algorithm);
  if (existing === undefined) await file.write({ credentials, registry: [], registryKeys: [] });
  await file.write(await enrol(request, credentials, runtime));
}

function otherNameMessage(
  path: string,
  { credentials, registryKeys }: IdentityContent,
  name: string,
): string {
  return registryKeys.length === 0
    ? `Identity file ${quote(path)} has an unfinished enrolment of ${credentials.name}; delete the file, or use another file for ${name}`
    : `Identity file ${quote(path)} must contain the name ${name}; got ${credentials.name}; use another file for ${name}`;
}

function enrolInMemory(config: IdentityConfig, runtime: IdentityRuntime): Promise<IdentityContent> {
  const request = toEnrolment(config);
  return enrol(request, runtime.keys.create(request.name, request.algorithm), runtime);
}

type Enrolment = { readonly [K in keyof IdentityConfig]: NonNullable<IdentityConfig[K]> };

function toEnrolment(config: IdentityConfig): Enrolment {
  const { name, token, registry, registryKeys, algorithm } = config;
  if (name === undefined || token === undefined || registry === undefined || registryKeys === undefined)
    throw optionError(
      "needs the options name, token, registry and registryKey to enrol a key; to open an enrolled key, pass only the path of its identity file in the option 'file'",
    );
  return { name, token, registry, registryKeys, algorithm };
}

async function enrol(
  { name, token, registry, registryKeys }: Enrolment,
  credentials: IdentityContent['credentials'],
  runtime: IdentityRuntime,
): Promise<IdentityContent> {
  const target = { urls: registry, registryKeys, credentials };
  return { credentials, registry, registryKeys: await enrolKey(target, { name, token }, runtime) };
}

function fileStore(file: IdentityFile, { registry, registryKeys }: IdentityConfig): IdentityStore {
  return {
    label: `Identity file ${quote(file.path)}`,
    read() {
      const content = file.read();
      return {
        ...content,
        registry: registry ?? content.registry,
        registryKeys: registryKeys ?? content.registryKeys,
      };
    },
    write: (content) => file.write(content),
    // A file with other registry addresses than the options may belong to another registry, so its keys are kept.
    saveRegistryKeys: (keys) =>
      file.updateRegistryKeys(
        keys,
        (content) =>
          registryKeys !== undefined &&
          content.registryKeys.length > 0 &&
          (registry === undefined ||
            content.registry.length === 0 ||
            registry.some((url) => content.registry.includes(url))),
      ),
    statesRegistryKeys: registryKeys !== undefined,
  };
}

export function memoryStore(initial: IdentityContent): IdentityStore {
  let present = initial;
  return {
    label: `The identity ${initial.credentials.name}`,
    read: () => present,
    write: async (content) => {
      present = content;
    },
  };
}

function providerStore(provider: CredentialProvider, { keys }: Pick<IdentityRuntime, 'keys'>): IdentityStore {
  return {
    label: 'The identity',
    read: async () => ({ credentials: keys.check(await provider()), registry: [], registryKeys: [] }),
    write: 'a function of the program provides its key; replace the key that the function returns',
  };
}

function optionError(message: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', `openIdentity() ${message}`);
}

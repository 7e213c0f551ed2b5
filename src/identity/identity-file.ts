import type { CheckedCredentials, KeyTools } from '../core/credentials.js';
import { definedFields } from '../core/defined-fields.js';
import { describeValue, quote } from '../core/describe-value.js';
import { ClerkError, errorMessage, isClerkError } from '../core/errors.js';
import type { PrivateFiles } from '../core/files.js';
import { isObject } from '../core/is-object.js';
import { parsePins, type KeyPin } from '../core/key-pin.js';
import { checkRegistryUrls } from '../registry-client/registry-access.js';

export interface IdentityContent {
  readonly credentials: CheckedCredentials;
  /** Addresses of the registry servers where the key is enrolled; empty when unknown. */
  readonly registry: readonly string[];
  /** Pins of the registry keys; empty when unknown. */
  readonly registryKeys: readonly KeyPin[];
  /** The new key of a rotation that has not ended. */
  readonly next?: CheckedCredentials | undefined;
  /** Only for the key of a registry: when the last step of its rotation was made, in ms since 1970. */
  readonly changedAt?: number | undefined;
}

export interface IdentityFileRuntime {
  readonly files: PrivateFiles;
  readonly keys: Pick<KeyTools, 'check'>;
}

const maxBytes = 65_536;
const maxUpdates = 3;

/**
 * A file with the name and the private key of a program. Only the user of the program can read the file. A change
 * replaces the whole file, so a crash leaves the old or the new content.
 *
 * @see [A23](../../docs/guarantees.md#a23), [C7.7](../../docs/guarantees.md#c7-7)
 */
export class IdentityFile {
  readonly path: string;
  readonly #runtime: IdentityFileRuntime;

  constructor(path: string, runtime: IdentityFileRuntime) {
    this.path = path;
    this.#runtime = runtime;
  }

  /**
   * Throws `IDENTITY_INVALID` when the file is missing or invalid, or when other users can read or write the file.
   * Messages never contain the key.
   */
  read(): IdentityContent {
    const content = this.readIfExists();
    if (content !== undefined) return content;
    throw new ClerkError(
      'IDENTITY_INVALID',
      `Identity file ${quote(this.path)} does not exist; check the path`,
    );
  }

  /** Like {@link IdentityFile.read}, but returns undefined when the file is missing. */
  readIfExists(): IdentityContent | undefined {
    const text = this.#readText();
    return text === undefined ? undefined : this.#decode(text);
  }

  write(content: IdentityContent): Promise<void> {
    return this.#replace(encodeIdentity(content));
  }

  /**
   * Replaces the registry keys in the file, if the keys belong to the registry of the file. Does not overwrite a change
   * that another process makes at the same time.
   *
   * @param isSameRegistry - whether the keys belong to the registry of the file even if the file contains none of the
   * keys. Default: false.
   */
  async updateRegistryKeys(
    registryKeys: readonly KeyPin[],
    isSameRegistry: (content: IdentityContent) => boolean = () => false,
  ): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const text = this.#readText() ?? '';
      const content = this.#decode(text);
      const present = content.registryKeys;
      const isKnown = registryKeys.some((key) => present.includes(key)) || isSameRegistry(content);
      if (!isKnown || present.join() === registryKeys.join()) return;
      try {
        await this.#replace(encodeIdentity({ ...content, registryKeys }), text);
        return;
      } catch (error) {
        // If another process has changed the file, the next attempt reads the changed file.
        if (attempt === maxUpdates) throw error;
      }
    }
  }

  #readText(): string | undefined {
    try {
      return this.#runtime.files.read(this.path, maxBytes, true);
    } catch (cause) {
      throw new ClerkError(
        'IDENTITY_INVALID',
        `Identity file ${quote(this.path)} cannot be read: ${errorMessage(cause)}`,
        { cause },
      );
    }
  }

  #decode(text: string): IdentityContent {
    return decodeIdentity(text, `Identity file ${quote(this.path)}`, this.#runtime.keys);
  }

  async #replace(text: string, expected?: string): Promise<void> {
    try {
      await this.#runtime.files.replace(this.path, text, expected);
    } catch (cause) {
      throw new ClerkError(
        'IDENTITY_INVALID',
        `Identity file ${quote(this.path)} cannot be written: ${errorMessage(cause)}`,
        { cause },
      );
    }
  }
}

export function encodeIdentity(content: IdentityContent): string {
  const { credentials, registry, registryKeys, next, changedAt } = content;
  const { name, key, cert } = credentials;
  const fields = {
    v: 1,
    name,
    key,
    cert,
    ...(registry.length > 0 && { registry }),
    ...(registryKeys.length > 0 && { registryKey: registryKeys }),
    ...(next && { next: { key: next.key, cert: next.cert } }),
    ...definedFields({ changedAt }),
  };
  return `${JSON.stringify(fields, null, 2)}\n`;
}

const knownKeys = ['v', 'name', 'key', 'cert', 'registry', 'registryKey', 'next', 'changedAt'];

/**
 * @param subject - subject of error messages
 * @throws {@link ClerkError} `IDENTITY_INVALID`; the message never contains the key
 */
export function decodeIdentity(
  text: string,
  subject: string,
  keys: Pick<KeyTools, 'check'>,
): IdentityContent {
  const json = parseObject(text, subject);
  const unknown = Object.keys(json).find((key) => !knownKeys.includes(key));
  if (unknown !== undefined)
    throw identityError(
      subject,
      `has the unknown field ${quote(unknown)}; remove the field, or install a newer version of binding-clerk`,
    );
  if (json.v !== 1) throw identityError(subject, `must have version 1; got ${describeValue(json.v)}`);
  const { name, next, registry, registryKey, changedAt } = json;
  const optional = <T>(value: unknown, parse: (given: unknown) => T, missing: T): T =>
    value === undefined ? missing : parse(value);
  try {
    return Object.freeze({
      credentials: keys.check({ name, key: json.key, cert: json.cert }),
      registry: optional(registry, parseUrls, []),
      registryKeys: optional(registryKey, (pins) => parsePins(pins), []),
      next: optional(next, (fields) => checkNext(name, fields, keys), undefined),
      changedAt: optional(changedAt, Number, undefined),
    });
  } catch (error) {
    if (isClerkError(error)) throw identityError(subject, `is invalid: ${error.message}`);
    throw error;
  }
}

/** The error has no `cause`, because errors of `JSON.parse` can quote the private key. */
function parseObject(text: string, subject: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw identityError(subject, 'must be JSON; restore the file from a backup');
  }
  if (isObject(value)) return value;
  throw identityError(subject, 'must be a JSON object; restore the file from a backup');
}

function parseUrls(value: unknown): readonly string[] {
  return checkRegistryUrls(Array.isArray(value) ? value : [value], "the field 'registry'");
}

function checkNext(name: unknown, value: unknown, keys: Pick<KeyTools, 'check'>): CheckedCredentials {
  const { key, cert } = isObject(value) ? value : {};
  return keys.check({ name, key, cert });
}

function identityError(subject: string, problem: string): ClerkError {
  return new ClerkError('IDENTITY_INVALID', `${subject} ${problem}`);
}

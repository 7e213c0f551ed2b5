import { ClerkError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import { isPin } from '../core/key-pin.js';
import { parseHandshake } from '../protocol/launch-handshake.js';
import type { LaunchHandshake } from '../protocol/launch-messages.js';
import { checkRegistryUrls } from '../registry-client/registry-access.js';
import { openIdentityFrom, type IdentityRuntime } from './open-identity.js';
import { OpenedIdentity } from './opened-identity.js';
import { enrolKey } from './request-enrolment.js';

export interface DefaultIdentityRuntime extends IdentityRuntime {
  readonly process: {
    readonly env: Readonly<Record<string, string | undefined>>;
    /** Whether this process is a worker of `node:cluster`. Default false. */
    readonly isWorker?: boolean;
    /** Resolves to the first line of standard input. Later calls resolve to the same line. */
    readFirstLine(): Promise<string>;
  };
}

/**
 * The identity that the environment of this process determines: a new key in an instance that a secured registry has
 * launched, and the identity file `$CLERK_IDENTITY` in any other process.
 */
export class DefaultIdentity {
  readonly #runtime: DefaultIdentityRuntime;
  #opened: Promise<Identity> | undefined;

  constructor(runtime: DefaultIdentityRuntime) {
    this.#runtime = runtime;
  }

  /**
   * Resolves to the same identity for all callers. After a failure, the next call opens the identity again.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` when the environment states no identity
   */
  open(): Promise<Identity> {
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async #open(): Promise<Identity> {
    const { process } = this.#runtime;
    // The launcher writes its line to the standard input of the primary only, so a worker would not get the line.
    if (process.env.CLERK_LAUNCHED === '1' && process.isWorker !== true) {
      const handshake = parseHandshake(await process.readFirstLine());
      if (isPin(handshake.registryKey)) return enrolLaunchedKey(handshake, this.#runtime);
    }
    const path = process.env.CLERK_IDENTITY;
    if (path !== undefined && path !== '') return openIdentityFrom(path, this.#runtime);
    throw new ClerkError(
      'CONFIG_INVALID',
      process.isWorker === true
        ? 'openIdentity() in a cluster worker needs the path of an identity file, even if a launcher started the service; pass the path, or set CLERK_IDENTITY'
        : 'openIdentity() needs the path of an identity file; pass the path, or set CLERK_IDENTITY',
    );
  }
}

/**
 * Creates a key for one launched instance. The key exists only in the memory of this process. The launch ticket stays
 * valid, because the registration of the instance needs the ticket.
 *
 * @param handshake - the line from the launcher of a secured registry; `registryKey` is the pin of the registry
 * @see [T9](../../docs/background.md#t9)
 */
async function enrolLaunchedKey(
  { name, instance, epoch, ticket, registry, registryKey }: LaunchHandshake,
  runtime: IdentityRuntime,
): Promise<Identity> {
  const credentials = runtime.keys.create(name);
  const urls = checkRegistryUrls(registry, 'The launch handshake: registry');
  const target = { urls, registryKeys: [registryKey], credentials };
  const registryKeys = await enrolKey(target, { name, instance, epoch, ticket }, runtime);
  const content = { credentials, registry: urls, registryKeys };
  const store = {
    label: `The identity of the launched instance ${instance}`,
    read: () => content,
    write: 'its key is valid for this instance only; restart the instance for a new key',
  };
  return OpenedIdentity.open(store, runtime);
}

import type { Timer } from '../../../core/clock.js';
import { definedFields } from '../../../core/defined-fields.js';
import { errorMessage } from '../../../core/errors.js';
import type { Logger } from '../../../core/logger.js';
import type { RegisterRequest } from '../../../protocol/registration-messages.js';
import { formatServersHeader, registryServersName } from '../../../protocol/registry-servers.js';
import type { ServerList, ServerRuntime } from '../../ports.js';
import type { NamingCommand } from '../commands/naming-command.js';
import type { HealthConsensus } from '../health/health-consensus.js';
import type { Leases } from '../leases.js';
import type { Registration } from '../state/name-entry.js';
import type { NamingState } from '../state/naming-state.js';

/** A server that is gone stays in the list for this time after the end of its session, in ms. */
const leaseMs = 5_000;
/** Principal of the servers and creator of the name under which they register. */
const principal = 'registry';

export interface ServerNamesDependencies {
  readonly runtime: ServerRuntime;
  readonly logger: Logger | undefined;
  /** Identifier of this run of the server. */
  readonly server: string;
  /** Version of the server software. */
  readonly version: string;
  readonly state: NamingState;
  readonly leases: Leases;
  readonly consensus: () => Pick<HealthConsensus, 'onRenewed'>;
  /** Resolves when this server may renew leases; undefined if it may renew them at once. */
  readonly ensureSession: () => Promise<void> | undefined;
  readonly isHeldHere: (holder: string) => boolean;
  readonly submit: (command: NamingCommand) => Promise<unknown>;
}

/**
 * The servers of a registry as endpoints of a service in its name space. This server registers itself, and renews its
 * lease in its own memory. When its session ends, the other servers end this lease like any other lease.
 *
 * @see [G11](../../../../docs/background.md#g11),
 *   [decision 177](../../../../docs/decisions/177-servers-in-the-name-space.md)
 */
export class ServerNames implements ServerList {
  readonly #deps: ServerNamesDependencies;
  #addresses: readonly string[] = [];
  #statement: string | undefined;
  #isChanged = true;
  #timer: Timer | undefined;
  #hasFailed = false;
  #isClosed = false;

  constructor(deps: ServerNamesDependencies) {
    this.#deps = deps;
  }

  get statement(): string | undefined {
    if (this.#isChanged) {
      this.#isChanged = false;
      this.#statement = this.#stateList();
    }
    return this.#statement;
  }

  announce(addresses: readonly string[]): void {
    this.#addresses = addresses;
    void this.#keep();
  }

  /** Called when a registration was added or removed. */
  onChanged({ entry }: Registration): void {
    if (entry.name === registryServersName) this.#isChanged = true;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #stateList(): string | undefined {
    const { state, runtime, server } = this.#deps;
    const epochs: number[] = [];
    for (const { epoch } of state.endpoints(registryServersName)) epochs.push(epoch);
    if (epochs.length === 0) return undefined;
    // Each registration of a name has an epoch of its own, so all servers state the same version for the same list.
    const text = epochs.sort((a, b) => a - b).join(' ');
    return formatServersHeader({ id: server, version: runtime.sha256(text).slice(0, 16) });
  }

  /** Registers this server, or renews its lease. Repeats this after a third of the lease. Never rejects. */
  async #keep(): Promise<void> {
    const { runtime, logger } = this.#deps;
    try {
      await this.#renewOrRegister();
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed && !this.#isClosed)
        logger?.warn(
          `This server cannot register itself under ${registryServersName}, so clients do not learn its address: ${errorMessage(error)}; the server tries again`,
        );
      this.#hasFailed = true;
    }
    if (this.#isClosed) return;
    this.#timer = runtime.setTimer(() => void this.#keep(), leaseMs / 3);
    this.#timer.setRef(false);
  }

  async #renewOrRegister(): Promise<void> {
    const { runtime, server, state, leases, consensus, ensureSession, isHeldHere, submit } = this.#deps;
    await ensureSession();
    const own = state.endpoint(registryServersName, server);
    if (own !== undefined && !own.isRemovalPending && isHeldHere(own.holder)) {
      own.expiresAt = runtime.now() + own.leaseMs;
      leases.track(own);
      consensus().onRenewed(own, false);
    } else if (!this.#isClosed)
      await submit({
        kind: 'register',
        request: this.#request(),
        caller: { principal },
        newSecret: runtime.randomHex(16),
        isOwn: true,
      });
  }

  #request(): RegisterRequest {
    const { runtime, server, version } = this.#deps;
    return {
      name: registryServersName,
      id: server,
      addresses: this.#addresses,
      leaseMs,
      host: runtime.hostname(),
      version,
      ...definedFields({ hostId: runtime.hostId() }),
    };
  }
}

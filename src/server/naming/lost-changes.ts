import type { Clock } from '../../core/clock.js';
import { errorMessage } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { Hashing } from '../../protocol/launch-proof.js';
import type { PrepareCommand } from './commands/naming-command.js';
import { epochMargin, nextIncarnation } from './registry-identity.js';
import type { RegistryPosition } from './registry-position.js';
import { restoredAccessWarning } from './restored-access.js';

const minIntervalMs = 60_000;
/**
 * Maximum number of positions in a request: the position of the connection, and the position that an earlier process of
 * the client has saved.
 */
const maxPositions = 2;

export interface LostChangesDependencies {
  readonly runtime: Clock & Hashing;
  readonly position: RegistryPosition;
  readonly logger: Logger | undefined;
  readonly highestEpoch: () => number;
  /** Whether the registry is secured. */
  readonly isSecured: () => boolean;
  readonly submit: (prepare: PrepareCommand) => Promise<unknown>;
  /** Set in a registry with several servers: another server may have written the changes that a client has seen. */
  readonly shared?:
    | {
        readonly catchUp: () => Promise<void>;
        /** Called when a client has seen changes that this server cannot read from the log. */
        readonly onBehind: () => void;
      }
    | undefined;
}

/**
 * Detects that the data of the registry were replaced by an older copy. The sign is a request with a position that the
 * data do not contain. The registry then starts a new incarnation, at most once a minute.
 *
 * @see [A24](../../../docs/guarantees.md#a24), [decision 079](../../../docs/decisions/079-restored-registry.md)
 */
export class LostChanges {
  readonly #deps: LostChangesDependencies;
  #lastAt = -Infinity;
  #change: Promise<void> | undefined;

  constructor(deps: LostChangesDependencies) {
    this.#deps = deps;
  }

  /**
   * Checks the positions of a request, separated by commas. Returns undefined if they show no loss. If they show a
   * loss, the promise resolves when the new incarnation is durable. The promise never rejects.
   */
  check(positions: string): Promise<void> | undefined {
    const { position, shared } = this.#deps;
    if (positions === position.saved) return undefined;
    const lost = this.#lostOf(positions);
    if (lost === undefined) return undefined;
    return shared === undefined ? this.#startIncarnation(lost) : this.#catchUp(positions, shared);
  }

  /**
   * Called when the log has a different history than the previous state.
   *
   * @param before - position before the state was replaced
   */
  onLogReplaced(before: string): void {
    this.#lastAt = -Infinity;
    void this.#startIncarnation(before);
  }

  #lostOf(positions: string): string | undefined {
    return positions
      .split(',', maxPositions)
      .map((text) => text.trim())
      .find((text) => this.#deps.position.check(text) === 'lost');
  }

  async #catchUp(positions: string, shared: NonNullable<LostChangesDependencies['shared']>): Promise<void> {
    try {
      await shared.catchUp();
    } catch {
      shared.onBehind();
      return;
    }
    const lost = this.#lostOf(positions);
    if (lost !== undefined) await this.#startIncarnation(lost);
  }

  #startIncarnation(returned: string): Promise<void> | undefined {
    if (this.#change !== undefined) return this.#change;
    const { runtime, submit } = this.#deps;
    if (runtime.now() - this.#lastAt < minIntervalMs) return undefined;
    this.#lastAt = runtime.now();
    this.#change = submit(() => this.#command(returned)).then(
      () => void (this.#change = undefined),
      (error: unknown) => {
        this.#change = undefined;
        this.#deps.logger?.warn(
          `The new incarnation of the registry could not be saved: ${errorMessage(error)}; the server tries again after 1 min, at the next request that shows the loss`,
        );
      },
    );
    return this.#change;
  }

  #command(returned: string): ReturnType<PrepareCommand> {
    const { position, runtime, logger, highestEpoch, isSecured } = this.#deps;
    const [lost = '', revision = ''] = returned.split(':');
    const { identity } = position;
    // Another server may have noticed the loss, and have started a new incarnation.
    if (position.check(returned) !== 'lost') return undefined;
    const next = nextIncarnation(identity, lost, runtime);
    logger?.warn(
      `The data of this registry were replaced by an older copy: a client or this server has seen revision ${revision} of incarnation ${lost}, which the data do not contain. The registry continues as incarnation ${next.incarnation}. Services register again automatically. Changes of names since the copy was made are lost; repeat these changes${isSecured() ? `. ${restoredAccessWarning}` : ''}`,
    );
    // Each assigned epoch needs at least one revision, so this is an upper bound for the lost epochs.
    const lostRevisions = lost === identity.incarnation ? Number(revision) - position.revision : 0;
    // If the same copy is restored twice, the wall-clock time in ms still exceeds all epochs of the first restore.
    const epochBase = Math.max(
      highestEpoch() + Math.max(epochMargin, lostRevisions),
      Math.floor(runtime.wallNow()),
    );
    return { kind: 'new-incarnation', identity: next, epochBase };
  }
}

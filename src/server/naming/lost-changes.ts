import type { Clock } from '../../core/clock.js';
import { errorMessage } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { Hashing } from '../../protocol/launch-proof.js';
import type { PrepareCommand } from './commands/naming-command.js';
import { epochMargin, nextIncarnation } from './registry-identity.js';
import type { RegistryPosition } from './registry-position.js';
import { restoredAccessWarning } from './restored-access.js';

const minIntervalMs = 60_000;
/** A client returns at most two positions: of its connection, and of an earlier process. */
const maxPositions = 2;

export interface LostChangesDependencies {
  readonly runtime: Clock & Hashing;
  readonly position: RegistryPosition;
  readonly logger: Logger | undefined;
  readonly highestEpoch: () => number;
  /** Whether a key was ever enrolled. */
  readonly isSecured: () => boolean;
  readonly submit: (prepare: PrepareCommand) => Promise<unknown>;
}

/**
 * Notices when an older copy has replaced the data of the registry: a client then returns a position that the copy
 * lacks. The registry takes a new incarnation, at most once a minute.
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
   * Checks positions that a client has returned, separated by commas. If they show a loss, the promise resolves when
   * the new incarnation is durable. Otherwise returns undefined. The promise never rejects.
   */
  check(positions: string): Promise<void> | undefined {
    const { position } = this.#deps;
    if (positions === position.saved) return undefined;
    for (const text of positions.split(',', maxPositions)) {
      const returned = text.trim();
      if (position.check(returned) === 'lost') return this.#startIncarnation(returned);
    }
    return undefined;
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
        this.#deps.logger?.warn(`The new incarnation could not be saved: ${errorMessage(error)}`);
      },
    );
    return this.#change;
  }

  #command(returned: string): ReturnType<PrepareCommand> {
    const { position, runtime, logger, highestEpoch, isSecured } = this.#deps;
    const [lost = '', revision = ''] = returned.split(':');
    const { identity } = position;
    const next = nextIncarnation(identity, lost, runtime);
    logger?.warn(
      `The data of this registry was replaced by an older copy: a client has seen revision ${revision} of incarnation ${lost}, which the data lacks. The registry continues as incarnation ${next.incarnation}; services register again by themselves; changes of names since the copy was made are lost, so repeat them${isSecured() ? `. ${restoredAccessWarning}` : ''}`,
    );
    // Each epoch that was assigned took at least one revision.
    const lostRevisions = lost === identity.incarnation ? Number(revision) - position.revision : 0;
    // The same copy may be restored twice. The wall-clock time in ms exceeds all epochs that were assigned after the
    // first restore.
    const epochBase = Math.max(
      highestEpoch() + Math.max(epochMargin, lostRevisions),
      Math.floor(runtime.wallNow()),
    );
    return { kind: 'new-incarnation', identity: next, epochBase };
  }
}

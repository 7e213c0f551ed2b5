import { ClerkError, errorMessage } from '../../../core/errors.js';
import { quote } from '../../../core/describe-value.js';

interface PendingWrite<T, R> {
  readonly job: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: ClerkError) => void;
}

const maxGroup = 64;

/**
 * Writes jobs durably, one write at a time. Jobs that arrive during a write share the next write. A failed write
 * rejects its own jobs only.
 */
export class GroupCommit<T, R> {
  readonly #write: (jobs: readonly T[]) => Promise<readonly R[]>;
  readonly #folder: string;
  #pending: PendingWrite<T, R>[] = [];
  #flushing: Promise<void> | undefined;

  /** @param write - writes either all jobs or none; resolves to a result for each job */
  constructor(folder: string, write: (jobs: readonly T[]) => Promise<readonly R[]>) {
    this.#folder = folder;
    this.#write = write;
  }

  /**
   * Resolves when the job is on disk.
   *
   * @throws {@link ClerkError} `CLERK_CLOSED` when the write has failed; until the next write, the job may be on disk
   */
  submit(job: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ job, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  async whenIdle(): Promise<void> {
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    // Waits, so that jobs that are submitted at the same time share the first write.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const group = this.#pending.splice(0, maxGroup);
      try {
        const results = await this.#write(group.map(({ job }) => job));
        group.forEach(({ resolve }, i) => resolve(results[i] as R));
      } catch (error) {
        const failure = new ClerkError(
          'CLERK_CLOSED',
          `Folder ${quote(this.#folder)} of diskCalls() could not be written: ${errorMessage(error)}. Free space on the disk, or repair the disk. Calls are accepted again when the folder can be written`,
          { cause: error },
        );
        for (const { reject } of group) reject(failure);
      }
    }
    this.#flushing = undefined;
  }
}

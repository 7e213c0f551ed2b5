import { ClerkError, errorMessage } from '../../../core/errors.js';
import { quote } from '../../../core/describe-value.js';

interface PendingWrite<T, R> {
  readonly job: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: ClerkError) => void;
}

const maxGroup = 64;

/**
 * Writes jobs durably, one write at a time. Jobs that arrive during a write share the next write. After a failed
 * write, the content of the disk is unknown, so no further write is made.
 */
export class GroupCommit<T, R> {
  readonly #write: (jobs: readonly T[]) => Promise<readonly R[]>;
  readonly #folder: string;
  #pending: PendingWrite<T, R>[] = [];
  #flushing: Promise<void> | undefined;
  #failure: ClerkError | undefined;

  /** @param write - writes either all jobs or none; resolves to a result for each job */
  constructor(folder: string, write: (jobs: readonly T[]) => Promise<readonly R[]>) {
    this.#folder = folder;
    this.#write = write;
  }

  /**
   * Resolves when the job is on disk.
   *
   * @throws {@link ClerkError} `CLERK_CLOSED` when a write has failed; the job may be missing on disk
   */
  submit(job: T): Promise<R> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#pending.push({ job, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  async whenIdle(): Promise<void> {
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    // Simultaneous jobs share the first write.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const group = this.#pending.splice(0, maxGroup);
      try {
        if (this.#failure !== undefined) throw this.#failure;
        const results = await this.#write(group.map(({ job }) => job));
        group.forEach(({ resolve }, i) => resolve(results[i] as R));
      } catch (error) {
        this.#failure ??= new ClerkError(
          'CLERK_CLOSED',
          `Folder ${quote(this.#folder)} of diskCalls() could not be written, so no more calls are accepted: ${errorMessage(error)}. Free space or repair the disk, then restart the service`,
          { cause: error },
        );
        for (const { reject } of group) reject(this.#failure);
      }
    }
    this.#flushing = undefined;
  }
}

const targetForm = /^([\x21-\x7e]{1,128}) (0|[1-9][0-9]{0,15})$/;

/** The instance and epoch for which a request is meant. */
export interface TargetInstance {
  readonly id: string;
  readonly epoch: number;
}

/** Parses the header `clerk-instance`. Returns undefined for a malformed header. */
export function parseTargetInstance(text: string): TargetInstance | undefined {
  const [, id, digits] = targetForm.exec(text) ?? [];
  const epoch = Number(digits);
  return id === undefined || !Number.isSafeInteger(epoch) ? undefined : { id, epoch };
}

/**
 * The instance ids of this process, each with the first epoch that this process had. A request with an older epoch
 * was meant for an earlier process.
 *
 * @see [C3.7](../../../docs/guarantees.md#c3-7)
 */
export class InstanceEpochs {
  /** First epoch of each instance id; undefined until the registry has assigned an epoch. */
  readonly #firstEpochs = new Map<string, number | undefined>();

  /** Adds an instance id. The first epoch of an id stays. */
  add(id: string, epoch?: number): void {
    const known = this.#firstEpochs.get(id);
    this.#firstEpochs.set(id, known ?? epoch);
  }

  /** Id of the instance that was advertised first; empty before the first advertisement. */
  get id(): string {
    return this.#firstEpochs.keys().next().value ?? '';
  }

  /**
   * Compares a target with the instances of this process. `earlier-epoch`: an earlier process had the epoch.
   * `unknown`: this process is not advertised, or the id has no epoch yet.
   */
  locate({ id, epoch }: TargetInstance): 'current' | 'earlier-epoch' | 'other-instance' | 'unknown' {
    if (this.#firstEpochs.size === 0) return 'unknown';
    if (!this.#firstEpochs.has(id)) return 'other-instance';
    const first = this.#firstEpochs.get(id);
    if (first === undefined) return 'unknown';
    return epoch >= first ? 'current' : 'earlier-epoch';
  }
}

/** Form of the header `clerk-instance`. */
const targetForm = /^([\x21-\x7e]{1,128}) (0|[1-9][0-9]{0,15})$/;

/** The instance and epoch for which a request is meant. */
export interface TargetInstance {
  readonly id: string;
  readonly epoch: number;
}

/** Parses the header `clerk-instance`; undefined when the header is malformed. */
export function parseTargetInstance(text: string): TargetInstance | undefined {
  const [, id, digits] = targetForm.exec(text) ?? [];
  const epoch = Number(digits);
  return id === undefined || !Number.isSafeInteger(epoch) ? undefined : { id, epoch };
}

/**
 * The instance ids of this process, each with the first epoch of the id in this process. A request is for this process
 * if its target has one of these ids, with an epoch that is not below the first epoch of the id.
 *
 * @see [C3.7](../../../docs/guarantees.md#c3-7)
 */
export class InstanceEpochs {
  /** First epochs by instance id. An epoch is undefined until the registry has assigned an epoch. */
  readonly #firstEpochs = new Map<string, number | undefined>();

  /** Adds an id. Only the first epoch of an id is kept. */
  add(id: string, epoch?: number): void {
    const known = this.#firstEpochs.get(id);
    this.#firstEpochs.set(id, known ?? epoch);
  }

  /** Id of the instance that was advertised first; empty before the first advertisement. */
  get id(): string {
    return this.#firstEpochs.keys().next().value ?? '';
  }

  /**
   * Compares a target with the instances of this process. `earlier-epoch`: the epoch was assigned before this process
   * started. `unknown`: this process is not advertised, or the id has no epoch yet.
   */
  locate({ id, epoch }: TargetInstance): 'current' | 'earlier-epoch' | 'other-instance' | 'unknown' {
    if (this.#firstEpochs.size === 0) return 'unknown';
    if (!this.#firstEpochs.has(id)) return 'other-instance';
    const first = this.#firstEpochs.get(id);
    if (first === undefined) return 'unknown';
    return epoch >= first ? 'current' : 'earlier-epoch';
  }
}

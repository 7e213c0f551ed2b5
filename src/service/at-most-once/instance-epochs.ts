/** Form of the header `clerk-instance`: an instance id, a space, and an epoch. */
const targetForm = /^([\x21-\x7e]{1,128}) (0|[1-9][0-9]{0,15})$/;

/** The instance and the epoch that a request is meant for. */
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
 * The instance ids under which this process is advertised, each with its first epoch in this process. A request is
 * meant for this process if its target has one of these ids, and the first or a later epoch of that id.
 *
 * @see [C3.7](../../../docs/guarantees.md#c3-7)
 */
export class InstanceEpochs {
  /** First epoch by instance id; undefined until the registry has assigned an epoch. */
  readonly #firstEpochs = new Map<string, number | undefined>();

  /** Adds an instance id under which this process is advertised. Only the first epoch of each id is kept. */
  add(id: string, epoch?: number): void {
    const known = this.#firstEpochs.get(id);
    this.#firstEpochs.set(id, known ?? epoch);
  }

  /** Id of the instance that was advertised first; empty before the process is advertised. */
  get id(): string {
    return this.#firstEpochs.keys().next().value ?? '';
  }

  /**
   * Compares the target of a request with the instances of this process:
   *
   * - `current`: the target is an instance of this process, at its first epoch in this process or a later epoch
   * - `earlier-epoch`: the target is an instance of this process, at an epoch from before this process started
   * - `other-instance`: the target is an instance of another process
   * - `unknown`: the process is not advertised, or the registry has not yet assigned an epoch
   */
  locate({ id, epoch }: TargetInstance): 'current' | 'earlier-epoch' | 'other-instance' | 'unknown' {
    if (this.#firstEpochs.size === 0) return 'unknown';
    if (!this.#firstEpochs.has(id)) return 'other-instance';
    const first = this.#firstEpochs.get(id);
    if (first === undefined) return 'unknown';
    return epoch >= first ? 'current' : 'earlier-epoch';
  }
}

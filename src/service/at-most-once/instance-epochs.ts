/** Form of the header: an instance id, a space, an epoch. */
const targetForm = /^([\x21-\x7e]{1,128}) (0|[1-9][0-9]{0,15})$/;

/** The instance that a request is meant for. */
export interface TargetInstance {
  readonly id: string;
  readonly epoch: number;
}

/** Parses the header `clerk-instance`; undefined when it is malformed. */
export function parseTargetInstance(text: string): TargetInstance | undefined {
  const [, id, digits] = targetForm.exec(text) ?? [];
  const epoch = Number(digits);
  return id === undefined || !Number.isSafeInteger(epoch) ? undefined : { id, epoch };
}

/**
 * The instances that this process is advertised as, and the first epoch of each since the process started. A
 * request for that epoch or a later one is meant for this process.
 *
 * @see [C3.7](../../../docs/guarantees.md#c3-7)
 */
export class InstanceEpochs {
  /** First epoch by instance id; undefined until the registry has assigned one. */
  readonly #firstEpochs = new Map<string, number | undefined>();

  /** The process is advertised as this instance. */
  add(id: string, epoch?: number): void {
    const known = this.#firstEpochs.get(id);
    this.#firstEpochs.set(id, known ?? epoch);
  }

  /** The first advertised instance id; empty before the process is advertised. */
  get id(): string {
    return this.#firstEpochs.keys().next().value ?? '';
  }

  /**
   * - `current` an instance of this process, at an epoch of this process
   * - `earlier-epoch` an instance of this process, at an epoch before it started
   * - `other-instance` another instance
   * - `unknown` the process is not advertised, or has no epoch yet
   */
  locate({ id, epoch }: TargetInstance): 'current' | 'earlier-epoch' | 'other-instance' | 'unknown' {
    if (this.#firstEpochs.size === 0) return 'unknown';
    if (!this.#firstEpochs.has(id)) return 'other-instance';
    const first = this.#firstEpochs.get(id);
    if (first === undefined) return 'unknown';
    return epoch >= first ? 'current' : 'earlier-epoch';
  }
}

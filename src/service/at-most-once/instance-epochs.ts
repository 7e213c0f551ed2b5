/**
 * Who this process is, for telling whether a call is meant for it: the instances that it is advertised as, and the
 * first fencing number that each got in this life of the process. Whatever comes after that one, this memory knows.
 *
 * @see promises C3.7
 */

/** Form of what a call is meant for: an instance id, and a fencing number. */
const targetForm = /^([\x21-\x7e]{1,128}) (0|[1-9][0-9]{0,15})$/;

/** What a call is meant for. */
export interface TargetInstance {
  readonly id: string;
  readonly epoch: number;
}

/** Reads the header; undefined where it has not its form. */
export function parseTargetInstance(text: string): TargetInstance | undefined {
  const [, id, digits] = targetForm.exec(text) ?? [];
  const epoch = Number(digits);
  return id === undefined || !Number.isSafeInteger(epoch) ? undefined : { id, epoch };
}

/** See the file's header. */
export class InstanceEpochs {
  /** By id: the first fencing number of this life, as soon as there is one. */
  readonly #firstEpochs = new Map<string, number | undefined>();

  /** This process is advertised as that. */
  add(id: string, epoch?: number): void {
    const known = this.#firstEpochs.get(id);
    this.#firstEpochs.set(id, known ?? epoch);
  }

  /** An id of this process that lasts as long as it is advertised; empty before that. */
  get id(): string {
    return this.#firstEpochs.keys().next().value ?? '';
  }

  /**
   * - `here` this life of one of these instances
   * - `earlier` an earlier life of one of them
   * - `other` another instance
   * - `unsure` nobody knows: this process has no number yet, or is not advertised at all
   */
  locate({ id, epoch }: TargetInstance): 'here' | 'earlier' | 'other' | 'unsure' {
    if (this.#firstEpochs.size === 0) return 'unsure';
    if (!this.#firstEpochs.has(id)) return 'other';
    const first = this.#firstEpochs.get(id);
    if (first === undefined) return 'unsure';
    return epoch >= first ? 'here' : 'earlier';
  }
}

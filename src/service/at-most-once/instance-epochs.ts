const targetForm = /^([\x21-\x7e]{1,128}) (0|[1-9][0-9]{0,15})(?: ([0-9a-z]{1,64}))?$/;

export interface TargetInstance {
  readonly id: string;
  readonly epoch: number;
  readonly incarnation?: string | undefined;
}

export function parseTargetInstance(text: string): TargetInstance | undefined {
  const [, id, digits, incarnation] = targetForm.exec(text) ?? [];
  const epoch = Number(digits);
  return id === undefined || !Number.isSafeInteger(epoch) ? undefined : { id, epoch, incarnation };
}

interface KnownEpochs {
  incarnation: string | undefined;
  readonly first: number;
  last: number;
}

/** Maximum number of stored incarnations per instance: the first one and the latest ones. */
const maxIncarnations = 8;
/** Maximum number of stored instances. A process gets a new instance each time it advertises without a fixed id. */
const maxInstances = 1_000;

/**
 * The instances of this process, with the epochs of their registrations. A request is for this process if its target
 * instance is one of them, and its epoch is not earlier than that of the first registration. Epochs are comparable
 * only within one incarnation.
 *
 * @see [C3.7](../../../docs/guarantees.md#c3-7)
 */
export class InstanceEpochs {
  /** By instance id. The list is empty until the registry has assigned an epoch. */
  readonly #known = new Map<string, KnownEpochs[]>();

  add(id: string, epoch?: number, incarnation?: string): void {
    const known = this.#known.get(id) ?? [];
    this.#known.set(id, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > maxInstances && oldest !== undefined) this.#known.delete(oldest);
    if (epoch === undefined) return;
    const last = known.at(-1);
    const isSame = last?.incarnation === undefined || incarnation === undefined;
    if (last !== undefined && (isSame || last.incarnation === incarnation)) {
      last.incarnation ??= incarnation;
      last.last = Math.max(last.last, epoch);
      return;
    }
    known.push({ incarnation, first: epoch, last: epoch });
    if (known.length > maxIncarnations) known.splice(1, 1);
  }

  /** Id of the first advertised instance; empty before the first advertisement. */
  get id(): string {
    return this.#known.keys().next().value ?? '';
  }

  /**
   * Returns `earlier-epoch` if the epoch was assigned before this process started. Returns `unknown` if the id has no
   * epoch yet, or no instance is advertised.
   */
  locate({
    id,
    epoch,
    incarnation,
  }: TargetInstance): 'current' | 'earlier-epoch' | 'other-instance' | 'unknown' {
    if (this.#known.size === 0) return 'unknown';
    const known = this.#known.get(id);
    if (known === undefined) return 'other-instance';
    const [first] = known;
    if (first === undefined) return 'unknown';
    return isCurrent(known, first, epoch, incarnation) ? 'current' : 'earlier-epoch';
  }
}

function isCurrent(
  known: readonly KnownEpochs[],
  first: KnownEpochs,
  epoch: number,
  incarnation: string | undefined,
): boolean {
  if (incarnation === undefined || first.incarnation === undefined) return epoch >= first.first;
  const index = known.findIndex((each) => each.incarnation === incarnation);
  if (index < 0) return incarnation > first.incarnation;
  // A restored registry may know this process by an epoch of an earlier incarnation.
  const before = known[index - 1]?.last ?? -1;
  return epoch >= (known[index] as KnownEpochs).first || epoch <= before;
}

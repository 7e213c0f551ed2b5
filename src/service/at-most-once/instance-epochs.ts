const targetForm = /^([\x21-\x7e]{1,128}) (0|[1-9][0-9]{0,15})(?: ([0-9a-z]{1,64}))?$/;

/** The instance and epoch for which a request is meant. */
export interface TargetInstance {
  readonly id: string;
  readonly epoch: number;
  /** Incarnation of the registry that stated `epoch`; undefined when unknown. */
  readonly incarnation?: string | undefined;
}

/** Parses the header `clerk-instance`. Returns undefined when the header is malformed. */
export function parseTargetInstance(text: string): TargetInstance | undefined {
  const [, id, digits, incarnation] = targetForm.exec(text) ?? [];
  const epoch = Number(digits);
  return id === undefined || !Number.isSafeInteger(epoch) ? undefined : { id, epoch, incarnation };
}

/** The registrations of an instance of this process in one incarnation of a registry. */
interface KnownEpochs {
  /** Undefined until the registry has responded. */
  incarnation: string | undefined;
  readonly first: number;
  last: number;
}

/** Maximum number of incarnations that are kept for an instance: the first one and the latest ones. */
const maxIncarnations = 8;

/**
 * The instances of this process, each with the epochs of its registrations. A request is for this process if its target
 * is one of these instances, with an epoch that is not from before the first registration. Epochs are compared within
 * an incarnation of the registry. A target of a newer incarnation is from after the first registration.
 *
 * @see [C3.7](../../../docs/guarantees.md#c3-7)
 */
export class InstanceEpochs {
  /** By instance id. Empty until the registry has assigned an epoch. */
  readonly #known = new Map<string, KnownEpochs[]>();

  /** Adds an instance, or an epoch of its registration in an incarnation. */
  add(id: string, epoch?: number, incarnation?: string): void {
    const known = this.#known.get(id) ?? [];
    this.#known.set(id, known);
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

  /** Id of the instance that was advertised first; empty before the first advertisement. */
  get id(): string {
    return this.#known.keys().next().value ?? '';
  }

  /**
   * Compares a target with the instances of this process. `earlier-epoch`: the epoch was assigned before this process
   * started. `unknown`: this process is not advertised, or the id has no epoch yet.
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
  // A registry that was restored knows this process by an epoch from before the new incarnation.
  const before = known[index - 1]?.last ?? -1;
  return epoch >= (known[index] as KnownEpochs).first || epoch <= before;
}

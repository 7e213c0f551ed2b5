/** The keys of a log. All keys begin with a prefix that ends with `/`. */
export class EtcdKeys {
  readonly prefix: string;
  /** Key that shows that the prefix belongs to a log. */
  readonly mark: string;
  /** Key with the position and identifier of the last batch. */
  readonly head: string;
  /** Key that describes the present snapshot. */
  readonly snapshot: string;
  readonly sessions: string;

  constructor(prefix: string) {
    this.prefix = prefix;
    this.mark = `${prefix}mark`;
    this.head = `${prefix}head`;
    this.snapshot = `${prefix}snapshot`;
    this.sessions = `${prefix}sessions/`;
  }

  /** Returns the key of a batch. The keys sort by position. */
  batch(position: number): string {
    return `${this.prefix}log/${digitsOf(position)}`;
  }

  /**
   * Returns the key of a part of a batch that is too large for one value. A part has no effect until the batch is
   * written.
   */
  batchPart(position: number, id: string, part: number): string {
    return `${this.batchParts(position)}${id}/${digitsOf(part)}`;
  }

  batchParts(position: number): string {
    return `${this.prefix}parts/${digitsOf(position)}/`;
  }

  /**
   * @param writer - unique identifier, so that two servers that write a snapshot of the same position use different
   *   keys
   */
  snapshotPart(position: number, writer: string, part: number): string {
    return `${this.snapshotParts(position)}${writer}/${digitsOf(part)}`;
  }

  snapshotParts(position: number): string {
    return `${this.prefix}snapshots/${digitsOf(position)}/`;
  }
}

function digitsOf(number: number): string {
  return String(number).padStart(16, '0');
}

import type { AuditLine } from '../../../src/protocol/audit-messages.js';
import { storeKeys } from '../../../src/server/naming/state/record-codec.js';
import type { RecordChange } from '../../../src/server/ports.js';
import type { CoverageMark } from '../coverage.js';
import { firstNameOf } from './moved-name.js';

export interface AuditCheckerOptions {
  readonly mark: (mark: CoverageMark) => void;
  readonly violate: (clause: string, what: string) => void;
}

/** The changes that one write has saved. */
interface SavedBatch {
  /** Revisions of its commands: greater than `after`, at most `revision`. */
  readonly after: number;
  readonly revision: number;
  /** Facts such as `p /w/s0 id`: an endpoint of a service has changed. */
  readonly facts: readonly string[];
}

/** A saved change without a line. */
interface Unrecorded {
  readonly batch: SavedBatch;
  readonly fact: string;
}

/** What the checker knows of the data at one instant. */
export interface AuditCheckerCopy {
  readonly revision: number;
  readonly incarnation: string;
  readonly launches: ReadonlySet<string>;
  readonly unrecorded: readonly Unrecorded[];
  /** Number of gaps so far. */
  readonly gaps: number;
}

/** A repeated request with one of these operations changes nothing, and is recorded. */
const repeatable: ReadonlySet<string> = new Set(['define', 'link', 'withdraw']);

const clause = 'C7.9';

/**
 * Checks that no change is without its record, and no record without its change. The changes are those that the store has
 * saved; the records are the lines that are in the files.
 *
 * - A record is written after its change is saved, and before the change is acknowledged.
 * - A change without a record, and a line that was lost, are covered by a gap.
 * - No number is used twice.
 *
 * @see [C7.9](../../../docs/guarantees.md#c7-9)
 */
export class AuditChecker {
  readonly #options: AuditCheckerOptions;
  readonly #usedNumbers = new Set<number>();
  /** Numbers of a start that is not complete. No client has read their lines. */
  #tentativeNumbers: number[] | undefined;
  /** Lines that should be in the files, by number. */
  readonly #lines = new Map<number, AuditLine>();
  #batches: SavedBatch[] = [];
  #unrecorded: Unrecorded[] = [];
  /** Changes of earlier runs of the server without a line. The next start needs a gap. */
  #uncovered: Unrecorded[] = [];
  #hasGap = false;
  #gaps = 0;
  #revision = 0;
  #incarnation = '';
  #launches = new Set<string>();

  constructor(options: AuditCheckerOptions) {
    this.#options = options;
  }

  copy(): AuditCheckerCopy {
    return {
      revision: this.#revision,
      incarnation: this.#incarnation,
      launches: new Set(this.#launches),
      unrecorded: [...this.#uncovered, ...this.#unrecorded],
      gaps: this.#gaps,
    };
  }

  /** An older copy replaces the data while no server runs. */
  restore({ revision, incarnation, launches, unrecorded, gaps }: AuditCheckerCopy, text: string): void {
    this.#revision = revision;
    this.#incarnation = incarnation;
    this.#launches = new Set(launches);
    this.#batches = [];
    this.#unrecorded = [];
    this.#uncovered = [...unrecorded];
    const left = new Set(linesOf(text).map(({ seq }) => seq));
    for (const seq of [...this.#lines.keys()]) if (!left.has(seq)) this.#lines.delete(seq);
    // A gap leaves out 100,000 numbers, which is more than the milliseconds of a simulation.
    if (gaps === this.#gaps) return;
    const last = Math.max(0, ...left);
    for (const seq of [...this.#usedNumbers]) if (seq > last) this.#usedNumbers.delete(seq);
  }

  /** A server starts. Whatever an earlier one has not recorded needs a gap. */
  starting(text: string): void {
    this.#uncovered.push(...this.#unrecorded);
    this.#unrecorded = [];
    this.#hasGap = false;
    for (const seq of this.#tentativeNumbers ?? []) this.#usedNumbers.delete(seq);
    this.#tentativeNumbers = [];
    this.#checkLost(text);
  }

  /** The server has opened its log, and begins to answer. */
  opened(): void {
    this.#tentativeNumbers = undefined;
  }

  /**
   * A write is durable.
   *
   * @param isFound - whether a start has found it, of which the earlier server did not know
   */
  saved(changes: readonly RecordChange[], isFound: boolean): void {
    const batch = this.#batchOf(changes);
    this.#batches.push(batch);
    const unrecorded = batch.facts.map((fact) => ({ batch, fact }));
    (isFound ? this.#uncovered : this.#unrecorded).push(...unrecorded);
  }

  /** The server has ended or flagged endpoints in memory only. Such a change is recorded too. */
  unsaved(changes: readonly RecordChange[]): void {
    this.#batches.push(this.#batchOf(changes));
  }

  /** Lines are in a file now. */
  written(text: string): void {
    for (const line of linesOf(text)) {
      const { seq, kind } = line;
      if (this.#usedNumbers.has(seq)) this.#violate(`number ${seq} is used twice`);
      this.#usedNumbers.add(seq);
      this.#tentativeNumbers?.push(seq);
      this.#lines.set(seq, line);
      if (kind === 'gap') {
        this.#hasGap = true;
        this.#gaps += 1;
        this.#options.mark('audit-gap');
      }
      if (kind === 'start') this.#checkStart();
      if (kind === 'stop') this.#checkStop();
      if (kind === 'change') this.#checkChange(line);
    }
  }

  /** The server sends the response to a change of a client. */
  acknowledged(operation: string, name: string, revision: string): void {
    for (const line of this.#lines.values())
      if (line.operation === operation && line.revision === revision && line.names?.[0] === name) return;
    this.#violate(`${operation} of ${name}, revision ${revision}, is acknowledged without a record`);
  }

  /** All faults have ended, and the last server has closed its log. */
  checkEnd(text: string): void {
    this.#checkLost(text);
    const last = linesOf(text).at(-1);
    if (last?.kind !== 'stop') this.#violate(`the log ends with ${JSON.stringify(last)} after a shutdown`);
  }

  #batchOf(changes: readonly RecordChange[]): SavedBatch {
    const after = this.#revision;
    const facts: string[] = [];
    for (const { key, value = '' } of changes) {
      const [kind] = key.split(' ');
      if (key === storeKeys.revision) this.#revision = Number(value);
      else if (key === storeKeys.incarnation && value !== this.#incarnation) {
        if (this.#incarnation !== '') facts.push('incarnation');
        this.#incarnation = value;
      } else if (kind === 'e' || kind === 'p') facts.push(key);
      else if (kind === 'l' && this.#launches.has(key) !== (value !== '')) {
        facts.push(key);
        if (value === '') this.#launches.delete(key);
        else this.#launches.add(key);
      }
    }
    return { after, revision: this.#revision, facts };
  }

  #checkStart(): void {
    const [first] = this.#uncovered;
    if (first !== undefined && !this.#hasGap)
      this.#violate(`the log continues without a gap, although ${describe(first)} has no record`);
    this.#uncovered = [];
  }

  #checkStop(): void {
    const [first] = this.#unrecorded;
    if (first !== undefined) this.#violate(`the log is closed, although ${describe(first)} has no record`);
  }

  #checkChange({ seq, operation = '', names = [], revision }: AuditLine): void {
    // Without a revision, a line states a request whose changes the registry makes itself.
    if (revision === undefined) return;
    const at = Number(revision);
    const isOfCopy = operation === 'new-incarnation' || operation === 'adopt-copy';
    const matches = (fact: string): boolean =>
      isOfCopy
        ? fact === 'incarnation' || fact.startsWith('l ')
        : names.some((name) => isAtOrBelow(firstNameOf(fact.split(' ')[1] ?? ''), firstNameOf(name)));
    const batch = this.#batches.findLast((each) => each.after < at && at <= each.revision);
    if (at > this.#revision)
      this.#violate(`line ${seq}, ${operation}, is written before its change is saved`);
    else if (batch?.facts.some(matches) !== true && !repeatable.has(operation) && operation !== 'adopt-copy')
      this.#violate(`line ${seq}, ${operation} of ${names.join()}, revision ${revision}, has no change`);
    this.#unrecorded = this.#unrecorded.filter((each) => each.batch !== batch || !matches(each.fact));
  }

  /** Every line that is lost is covered by the numbers of a later gap. */
  #checkLost(text: string): void {
    const left = new Set(linesOf(text).map(({ seq }) => seq));
    const gaps = [...this.#lines.values()].filter(({ seq, kind }) => kind === 'gap' && left.has(seq));
    const isCovered = (seq: number): boolean =>
      gaps.some((gap) => (gap.missingFrom ?? Infinity) <= seq && seq < gap.seq);
    const lost = [...this.#lines.keys()].filter((seq) => !left.has(seq) && !isCovered(seq));
    for (const seq of lost) this.#lines.delete(seq);
    // The next start covers what is lost at the end. A line before a line that is left needs a gap already.
    const last = Math.max(0, ...left);
    for (const seq of lost) if (seq < last) this.#violate(`line ${seq} is lost, and no gap covers it`);
    if (lost.length > 0) this.#uncovered.push({ batch: noBatch, fact: `line ${String(lost[0])}` });
  }

  #violate(what: string): void {
    this.#options.violate(clause, what);
  }
}

const noBatch: SavedBatch = { after: 0, revision: 0, facts: [] };

function describe({ batch, fact }: Unrecorded): string {
  return `the change of ${fact}, revision ${batch.after + 1} to ${batch.revision},`;
}

function isAtOrBelow(name: string, top: string): boolean {
  return name === top || name.startsWith(`${top}/`);
}

/** The whole lines of a text. Torn lines and zeros are left out. */
function linesOf(text: string): AuditLine[] {
  return text.split('\n').flatMap((line) => {
    try {
      const parsed: unknown = JSON.parse(line);
      return typeof parsed === 'object' && parsed !== null && 'seq' in parsed ? [parsed as AuditLine] : [];
    } catch {
      return [];
    }
  });
}

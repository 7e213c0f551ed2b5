import type { Hashing } from '../../protocol/launch-proof.js';
import type { StatePosition } from './lookup-cache.js';
import { PositionMarks, type PositionVerdict } from './position-marks.js';
import type { RegistryIdentity } from './registry-identity.js';

/** Incarnation and revision of the registry. Each position that leaves the registry has a mark. */
export class RegistryPosition implements StatePosition {
  /** Revision of the last batch that was applied, which may be unsaved. */
  revision: number;
  readonly #hashing: Hashing;
  #identity: RegistryIdentity;
  #marks: PositionMarks;
  #savedRevision: number;

  constructor(identity: RegistryIdentity, revision: number, hashing: Hashing) {
    this.revision = this.#savedRevision = revision;
    this.#hashing = hashing;
    this.#identity = identity;
    this.#marks = new PositionMarks(identity, hashing);
  }

  get incarnation(): string {
    return this.#identity.incarnation;
  }

  get identity(): RegistryIdentity {
    return this.#identity;
  }

  /** Called when all batches up to the current revision are saved. */
  onSaved(): void {
    this.#savedRevision = this.revision;
  }

  changeIdentity(identity: RegistryIdentity): void {
    this.#identity = identity;
    this.#marks = new PositionMarks(identity, this.#hashing);
  }

  /** Returns the mark of a revision; an empty text for an unsaved revision, which a restart loses. */
  markOf(revision: number): string {
    return revision > this.#savedRevision ? '' : this.#marks.markOf(revision);
  }

  /** Returns incarnation, revision and mark as one text, which clients return. */
  textOf(revision: number): string {
    return `${this.incarnation}:${revision}:${this.markOf(revision)}`;
  }

  /** The last saved position. */
  get saved(): string {
    return this.textOf(this.#savedRevision);
  }

  check(position: string): PositionVerdict {
    return this.#marks.check(position, this.#savedRevision);
  }
}

import type { Hashing } from '../../protocol/launch-proof.js';
import type { StatePosition } from './lookup-cache.js';
import { PositionMarks, type PositionVerdict } from './position-marks.js';
import type { RegistryIdentity } from './registry-identity.js';

/** Incarnation and revision of the registry. Adds a mark to each position in a response; see {@link PositionMarks}. */
export class RegistryPosition implements StatePosition {
  /** Revision of the last applied batch, which may be unsaved. */
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

  onSaved(): void {
    this.#savedRevision = this.revision;
  }

  changeIdentity(identity: RegistryIdentity): void {
    this.#identity = identity;
    this.#marks = new PositionMarks(identity, this.#hashing);
  }

  /** Returns the mark of a revision. Empty for an unsaved revision, because a restart loses it. */
  markOf(revision: number): string {
    return revision > this.#savedRevision ? '' : this.#marks.markOf(revision);
  }

  textOf(revision: number): string {
    return `${this.incarnation}:${revision}:${this.markOf(revision)}`;
  }

  get saved(): string {
    return this.textOf(this.#savedRevision);
  }

  check(position: string): PositionVerdict {
    return this.#marks.check(position, this.#savedRevision);
  }
}

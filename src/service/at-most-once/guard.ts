/**
 * Decides of each call with an id whether it runs: once, and never without having been written down before. It knows
 * nothing of how requests are read and answers sent.
 *
 * @see promises C3.5, C3.6, C3.7
 */
import type { CallStore, FoundCall, KeptAnswer } from '../../core/call-store.js';
import type { Clock } from '../../core/clock.js';
import { isClerkError, reasonOf } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { answerHeaders, callIdForm } from '../../wire/call-headers.js';
import { Ages } from './ages.js';
import { fingerprintOf, type Asked, type Digest } from './fingerprint.js';
import { inHandOf, type InHand } from './in-hand.js';
import { Instances, meantOf } from './instances.js';
import { refusals } from './refusals.js';
import { Run } from './run.js';

/** What one is made of. */
export interface GuardParts {
  readonly clock: Clock;
  readonly digest: Digest;
  readonly logger: Logger;
  readonly store: CallStore;
  readonly windowMs: number;
  /** A text that no other life of any process has. */
  readonly life: string;
}

/** A call that may run, as far as its headers tell. */
export interface Admitted {
  readonly id: string;
  readonly bornAt: number;
}

/** Between two times of forgetting there are at least so many ms, and at most. */
const leastTidyMs = 1_000;
const mostTidyMs = 600_000;

/** See the file's header. */
export class Guard {
  readonly instances = new Instances();
  readonly #parts: GuardParts;
  readonly #ages: Ages;
  readonly #inHand: InHand;
  #tidyAt: number;
  #complained = false;

  constructor(parts: GuardParts) {
    this.#parts = parts;
    this.#ages = new Ages(parts.clock, parts.windowMs);
    this.#inHand = inHandOf(parts.store);
    this.#tidyAt = parts.clock.now();
  }

  /** Name of the memory where it is shared. */
  get scope(): string | undefined {
    return this.#parts.store.scope;
  }

  /** Makes the memory ready. @throws what keeps it from being that */
  async open(): Promise<void> {
    await this.#parts.store.open?.();
  }

  /** What the headers of a call tell: it may run, or a refusal, certainly before anything ran. */
  admit(id: string, instance: string | undefined): Admitted | { readonly refusal: KeptAnswer } {
    const digits = callIdForm.exec(id)?.[1];
    if (digits === undefined) return { refusal: refusals.malformedId() };
    const bornAt = Number(digits);
    const meant = instance === undefined ? undefined : meantOf(instance);
    if (instance !== undefined && meant === undefined) return { refusal: refusals.malformedInstance() };

    const age = this.#ages.judge(bornAt);
    if (age !== 'good') return { refusal: age === 'old' ? refusals.old() : refusals.ahead() };

    const { outlives, scope } = this.#parts.store;
    if (scope !== undefined) return { id, bornAt };
    const place = meant && this.instances.place(meant);
    if (place === 'other' || (place === 'earlier' && !outlives)) return { refusal: refusals.elsewhere() };
    if (outlives || place === 'here') return { id, bornAt };
    // A memory that began after the call: an earlier one may have known it. Where nobody counts lives, none is earlier.
    const mayBeLate = meant === undefined || meant.epoch > 0;
    return mayBeLate && bornAt < this.#ages.beganAt ? { refusal: refusals.old() } : { id, bornAt };
  }

  /** Writes a call down, and lets it run if it is new. Never rejects. */
  async begin({ id, bornAt }: Admitted, asked: Asked): Promise<Run | KeptAnswer> {
    const { store, digest, logger } = this.#parts;
    void this.#tidy();
    const fingerprint = fingerprintOf(digest, asked);
    let found: FoundCall | undefined;
    let isInHand: boolean;
    this.#inHand.asked(id, bornAt);
    try {
      found = await store.begin({ id, bornAt, fingerprint, owner: this.#owner });
    } catch (error) {
      return this.#failed(error);
    } finally {
      isInHand = this.#inHand.told(id, found?.state === 'new');
    }
    this.#complained = false;
    if (found.state === 'new') return new Run(id, store, logger, () => this.#inHand.over(id));
    if (found.state === 'forgotten') return refusals.old();
    if (found.fingerprint !== fingerprint) return refusals.mismatch();
    if (found.state === 'running')
      return this.#isGone(found.owner, isInHand) ? refusals.unknown() : refusals.running();
    if (found.state === 'lost') return refusals.unknown();
    return found.answer === undefined ? refusals.notKept() : replayed(found.answer);
  }

  /** Instance and life. */
  get #owner(): string {
    return `${this.instances.id} ${this.#parts.life}`;
  }

  /** What is found running by this very instance is not, where that was another life, or nobody has it in hand. */
  #isGone(owner: string, isInHand: boolean): boolean {
    const { life, store } = this.#parts;
    const [instance = '', itsLife] = owner.split(' ');
    if (itsLife === life && isInHand) return false;
    return store.scope === undefined || (instance !== '' && instance === this.instances.id);
  }

  #failed(error: unknown): KeptAnswer {
    const isFull = isClerkError(error) && error.code === 'LIMIT';
    if (!this.#complained)
      this.#parts.logger.error(
        `Calls that must run at most once are not run for now, since they cannot be written down: ${reasonOf(error)}`,
      );
    this.#complained = true;
    return isFull ? refusals.noRoom() : refusals.noMemory();
  }

  async #tidy(): Promise<void> {
    const { clock, store, windowMs, logger } = this.#parts;
    const now = clock.now();
    if (now < this.#tidyAt) return;
    this.#tidyAt = now + Math.min(mostTidyMs, Math.max(leastTidyMs, windowMs / 100));
    const bornBefore = this.#ages.forgettable();
    this.#inHand.forget(bornBefore);
    try {
      await store.forget(bornBefore);
    } catch (error) {
      logger.warn(`Old calls could not be forgotten, and take room until they can: ${reasonOf(error)}`);
    }
  }
}

function replayed({ status, headers, body }: KeptAnswer): KeptAnswer {
  return { status, headers: [...headers, [answerHeaders.once, 'replayed']], body };
}

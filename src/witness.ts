/**
 * What this clerk tells the registry of endpoints: whom it cannot reach, that it can again, and, when the registry asks,
 * whom it reaches. Behind the calls and never on one's path: at most one message a second for all names, repeated every
 * few seconds while it holds. A report that fails is forgotten; the next one says how things are then.
 *
 * @see "A Distributed Systems Architecture for the 1990's" B8; promises C4.4
 */
import { within, type Clock, type Timer } from './core/clock.js';
import type { Opinion, Registry } from './core/registry.js';

/** Shortest time between two reports, in ms. */
const gapMs = 1_000;
/** What is new waits for so long, spread over a second so that clerks that saw the same do not speak at once. */
const pauseMs = 250;
const spreadMs = 1_000;
/** An opinion is repeated after about so long, in ms: well within the ten seconds that the server keeps it. */
const againMs = 4_000;
/** What is due that soon goes along, in ms. */
const alongMs = 500;
/** Opinions in one report. */
const mostTogether = 100;
/** Endpoints that are spoken of at a time; the rest is not. */
const mostConcerns = 1_000;
/** For how long a report may be under way, in ms. */
const limitMs = 3_000;

/** Who knows endpoints of a service. */
export interface Party {
  /** What is known lately of these, by their ids; nothing of the others. */
  opinions(ids: ReadonlyMap<string, unknown>, now: number): readonly Opinion[];
}

/** What witnessing needs. */
export interface WitnessOptions {
  readonly clock: Clock;
  readonly registry: Registry;
  /** Aborted when the clerk closes. */
  readonly signal: AbortSignal;
}

/** An endpoint that is spoken of. */
interface Concern {
  /** The registry wants to know. */
  isAsked: boolean;
  said: Opinion['verdict'] | undefined;
  dueAt: number;
}

/** Endpoints of one service that are spoken of. */
interface Concerns {
  readonly byId: Map<string, Concern>;
  /** Something may have changed: looked at then. */
  checkAt: number;
}

/** See the file's header. Keeps no process alive. */
export class Witness {
  readonly #options: WitnessOptions;
  readonly #concerns = new Map<Party, Concerns>();
  #count = 0;
  /** Drawn when it is first needed: a clerk that never reports draws nothing. */
  #clerk = '';
  #sentAt = -Infinity;
  #isSending = false;
  #timer: Timer | undefined;
  #timerAt = Infinity;

  constructor(options: WitnessOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => this.#timer?.cancel());
  }

  /** Hard evidence was seen against an endpoint. */
  saw(party: Party, id: string): void {
    if (this.#isIdle) return;
    const concern = this.#concern(party, id);
    if (concern === undefined || concern.said === 'unreachable') return;
    concern.dueAt = Math.min(concern.dueAt, this.#soon());
    this.#arm();
  }

  /** The registry asks about these endpoints of a service, and about no others. */
  asked(party: Party, ids: readonly string[]): void {
    if (this.#isIdle) return;
    const asked = new Set(ids);
    for (const [id, concern] of this.#concerns.get(party)?.byId ?? [])
      if (!asked.has(id)) concern.isAsked = false;
    for (const id of asked) {
      const concern = this.#concern(party, id);
      if (concern === undefined || concern.isAsked) continue;
      concern.isAsked = true;
      concern.dueAt = Math.min(concern.dueAt, this.#soon());
    }
    this.#arm();
  }

  /** Endpoints of a service, or their health, have changed. */
  changed(party: Party): void {
    const concerns = this.#concerns.get(party);
    if (concerns === undefined || concerns.checkAt !== Infinity) return;
    concerns.checkAt = this.#soon();
    this.#arm();
  }

  /** Nobody is interested in a service any more. */
  forget(party: Party): void {
    this.#count -= this.#concerns.get(party)?.byId.size ?? 0;
    this.#concerns.delete(party);
  }

  get #isIdle(): boolean {
    return this.#options.registry.report === undefined || this.#options.signal.aborted;
  }

  #soon(): number {
    const { clock } = this.#options;
    return clock.now() + pauseMs + spreadMs * clock.random();
  }

  #concern(party: Party, id: string): Concern | undefined {
    let concerns = this.#concerns.get(party);
    let concern = concerns?.byId.get(id);
    if (concern !== undefined || this.#count >= mostConcerns) return concern;
    concern = { isAsked: false, said: undefined, dueAt: Infinity };
    if (concerns === undefined)
      this.#concerns.set(party, (concerns = { byId: new Map(), checkAt: Infinity }));
    concerns.byId.set(id, concern);
    this.#count++;
    return concern;
  }

  #arm(): void {
    if (this.#isSending || this.#isIdle) return;
    let at = Infinity;
    for (const { byId, checkAt } of this.#concerns.values()) {
      at = Math.min(at, checkAt);
      for (const { dueAt } of byId.values()) at = Math.min(at, dueAt);
    }
    at = Math.max(at, this.#sentAt + gapMs);
    if (at === this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = undefined;
    if (at === Infinity) return;
    const { clock } = this.#options;
    this.#timer = clock.setTimer(() => this.#ring(), Math.max(0, at - clock.now()));
    this.#timer.setRef(false);
  }

  #ring(): void {
    this.#timerAt = Infinity;
    const opinions = this.#due(this.#options.clock.now());
    if (opinions.length > 0) void this.#send(opinions);
    else this.#arm();
  }

  /** What is to be said now; who needs not be spoken of any more is forgotten. */
  #due(now: number): readonly Opinion[] {
    const found = new Map<string, Opinion>();
    for (const [party, concerns] of [...this.#concerns]) {
      if (found.size >= mostTogether) break;
      const { byId } = concerns;
      const isChecked = concerns.checkAt <= now;
      if (!isChecked && ![...byId.values()].some(({ dueAt }) => dueAt <= now + alongMs)) continue;
      concerns.checkAt = Infinity;
      const known = new Map(party.opinions(byId, now).map((opinion) => [opinion.id, opinion]));
      for (const [id, concern] of [...byId]) {
        const opinion = known.get(id);
        if (concern.dueAt > now + alongMs && (!isChecked || concern.said === opinion?.verdict)) continue;
        if (found.size >= mostTogether) {
          concern.dueAt = now;
          continue;
        }
        if (opinion !== undefined && isWorthSaying(opinion, concern))
          found.set(`${opinion.name} ${id}`, opinion);
        this.#settle(byId, id, opinion, now);
      }
      if (byId.size === 0) this.#concerns.delete(party);
      else if (found.size > 0) {
        this.#concerns.delete(party);
        this.#concerns.set(party, concerns);
      }
    }
    return [...found.values()];
  }

  /** Whether and when it is spoken of again. */
  #settle(byId: Map<string, Concern>, id: string, opinion: Opinion | undefined, now: number): void {
    const concern = byId.get(id) as Concern;
    byId.delete(id);
    concern.said = opinion?.verdict;
    if (concern.isAsked || opinion?.verdict === 'unreachable') {
      concern.dueAt = now + againMs * (0.75 + 0.5 * this.#options.clock.random());
      // Who was spoken of last is the last to be spoken of again.
      byId.set(id, concern);
    } else this.#count--;
  }

  async #send(opinions: readonly Opinion[]): Promise<void> {
    const { clock, registry, signal } = this.#options;
    this.#isSending = true;
    this.#sentAt = clock.now();
    if (this.#clerk === '') this.#clerk = idOf(() => clock.random());
    const controller = new AbortController();
    const stop = (): void => controller.abort(signal.reason);
    signal.addEventListener('abort', stop);
    try {
      const report = { clerk: this.#clerk, opinions };
      const sent = Promise.resolve().then(() => registry.report?.(report, { signal: controller.signal }));
      await within(clock, limitMs, sent, () => new Error('The registry took too long over a report'));
    } catch (error) {
      // Nobody waits for it, and how things are then is said next time.
      controller.abort(error);
    } finally {
      signal.removeEventListener('abort', stop);
    }
    this.#isSending = false;
    this.#arm();
  }
}

/** That one can be reached says only who is asked, or had said that it cannot. */
function isWorthSaying({ verdict }: Opinion, { isAsked, said }: Concern): boolean {
  return verdict === 'unreachable' || isAsked || said === 'unreachable';
}

/** 100 random bits and more, in letters and digits. */
function idOf(random: () => number): string {
  return Array.from({ length: 4 }, () =>
    Math.floor(random() * 36 ** 6)
      .toString(36)
      .padStart(6, '0'),
  ).join('');
}

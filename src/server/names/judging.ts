/**
 * Shared judgement: what many clerks say of an endpoint, and what its lease says, become one view that all are told. An
 * endpoint that somebody complains of is doubted first, which asks all who call it; once they have had the time to
 * speak, it is suspect for as long as a majority cannot reach it. A lease that falters needs no asking.
 *
 * Everything is in memory only, and work is done per change: who is not complained of is never looked at.
 *
 * @see "A Distributed Systems Architecture for the 1990's" B8
 */
import type { Clock, Timer } from '../../core/clock.js';
import type { Report } from '../../core/registry.js';
import { limits } from '../../wire/limits.js';
import { Clearances } from './clearances.js';
import type { Command, Mark } from './command.js';
import type { Registration } from './place.js';
import { Poll, standingOf, type Standing, type Verdict } from './poll.js';
import { Waiting } from './waiting.js';

/** For how long after the first complaint the others are listened to before it counts, in ms. */
const hearingMs = 2_000;
/** What was told of an endpoint stays for so long at least, in ms: what wavers is not told every time. */
const holdMs = 2_000;

/** What judging works on. */
export interface Judged {
  readonly clock: Clock;
  /** The registration that a clerk means, whichever of its names it says. */
  readonly find: (name: string, id: string) => Registration | undefined;
  /** Hands in a command that is made when its turn comes. Never rejects. */
  readonly submit: (prepare: () => Command | undefined) => Promise<void>;
  /** Opinions of one principal that are kept at a time. */
  readonly mostHeard: number;
}

/** One clerk's opinion of one endpoint. */
interface Heard {
  readonly about: Case;
  readonly key: string;
  readonly principal: string;
  verdict: Verdict;
}

/** An endpoint that something is held against. */
interface Case {
  readonly registration: Registration;
  readonly epoch: number;
  readonly poll: Poll;
  readonly opinions: Map<string, Heard>;
  isHeard: boolean;
  isFaltering: boolean;
  /** What was told last, or is about to be. */
  told: Standing;
}

/** See the file's header. */
export class Judging {
  /** Reports that came, opinions in them, and marks that were made, since this process began. */
  reports = 0;
  opinions = 0;
  marks = 0;
  readonly #world: Judged;
  readonly #cases = new Map<Registration, Case>();
  readonly #clearances = new Clearances();
  /** Opinions of each principal that are kept. */
  readonly #kept = new Map<string, number>();
  readonly #lives = new Waiting<Heard>(limits.opinionMs);
  readonly #hearings = new Waiting<Case>(hearingMs);
  readonly #holds = new Waiting<Case>(holdMs);
  /** Cases whose standing is to be told. */
  readonly #untold = new Set<Case>();
  #isTelling = false;
  #timer: Timer | undefined;
  #timerAt = Infinity;
  #isClosed = false;

  constructor(world: Judged) {
    this.#world = world;
  }

  /** Endpoints that are suspect, shown as such or not. */
  get suspects(): number {
    let count = 0;
    for (const { told } of this.#cases.values()) count += Number(told === 'suspect');
    return count;
  }

  /**
   * Takes what a clerk says. Of what is not known, of another life of an instance, and beyond what a principal may have
   * kept, nothing is taken and nothing is said.
   */
  report(principal: string, { clerk, opinions }: Report): void {
    this.reports++;
    this.opinions += opinions.length;
    for (const { name, id, epoch, verdict } of opinions) {
      const registration = this.#world.find(name, id);
      if (registration?.epoch !== epoch || registration.draining || registration.leaving) continue;
      this.#hear(registration, principal, clerk, verdict);
    }
    this.#arm();
  }

  /** These have missed two renewals. */
  faltered(registrations: readonly Registration[]): void {
    for (const registration of registrations) {
      const about = this.#cases.get(registration) ?? this.#open(registration);
      about.isFaltering = true;
      this.#judge(about);
    }
    this.#arm();
  }

  /**
   * One was renewed.
   *
   * @param isWell - it was told that it is suspect, and says that it is well
   */
  renewed(registration: Registration, isWell: boolean): void {
    const about = this.#cases.get(registration);
    if (about === undefined) return;
    about.isFaltering = false;
    if (isWell && about.told === 'suspect' && about.poll.complaints > 0) {
      if (this.#clearances.grant(registration, this.#world.clock.now())) this.#clear(about);
    }
    this.#judge(about);
    this.#arm();
  }

  /** One came back, or changed what it said of itself. */
  registered(registration: Registration): void {
    const about = this.#cases.get(registration);
    if (about === undefined) return;
    if (about.epoch !== registration.epoch || registration.draining) this.gone(registration);
    else this.renewed(registration, false);
  }

  /** What was told of one is seen from now on. */
  marked(registration: Registration): void {
    const { standing } = registration;
    let about = this.#cases.get(registration);
    if (about === undefined ? standing === 'good' : about.told === standing || this.#untold.has(about))
      return;
    // It went and came back while its mark was on its way, and nobody said it of who it is now.
    about ??= this.#open(registration);
    about.told = standing;
    this.#judge(about);
    this.#arm();
  }

  /** One is not there any more. */
  gone(registration: Registration): void {
    const about = this.#cases.get(registration);
    if (about === undefined) return;
    this.#clear(about);
    this.#untold.delete(about);
    this.#cases.delete(registration);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #hear(registration: Registration, principal: string, clerk: string, verdict: Verdict): void {
    let about = this.#cases.get(registration);
    // Praise of whom nobody complains of changes nothing.
    if (about === undefined && verdict === 'reachable') return;
    const now = this.#world.clock.now();
    const key = `${principal} ${clerk}`;
    let heard = about?.opinions.get(key);
    if (heard === undefined) {
      const kept = this.#kept.get(principal) ?? 0;
      if (kept >= this.#world.mostHeard) return;
      this.#kept.set(principal, kept + 1);
      about ??= this.#open(registration);
      heard = { about, key, principal, verdict };
      about.opinions.set(key, heard);
      about.poll.count(principal, verdict, 1);
    } else if (heard.verdict !== verdict) {
      heard.about.poll.count(principal, heard.verdict, -1);
      heard.verdict = verdict;
      heard.about.poll.count(principal, verdict, 1);
    }
    this.#lives.put(heard, now);
    this.#judge(heard.about);
  }

  #open(registration: Registration): Case {
    const { epoch } = registration;
    const about: Case = {
      registration,
      epoch,
      poll: new Poll(),
      opinions: new Map(),
      isHeard: false,
      isFaltering: false,
      told: 'good',
    };
    this.#cases.set(registration, about);
    return about;
  }

  /** Forgets all that was said of it so far. */
  #clear(about: Case): void {
    for (const heard of [...about.opinions.values()]) {
      this.#lives.delete(heard);
      this.#forget(heard);
    }
    this.#hearings.delete(about);
    this.#holds.delete(about);
  }

  #forget({ about, key, principal, verdict }: Heard): void {
    about.opinions.delete(key);
    about.poll.count(principal, verdict, -1);
    const kept = (this.#kept.get(principal) ?? 0) - 1;
    if (kept > 0) this.#kept.set(principal, kept);
    else this.#kept.delete(principal);
  }

  #judge(about: Case): void {
    const { registration, poll } = about;
    const now = this.#world.clock.now();
    if (poll.complaints === 0) {
      about.isHeard = false;
      this.#hearings.delete(about);
    } else if (!about.isHeard && !this.#hearings.has(about)) this.#hearings.put(about, now);
    const standing = standingOf(poll, about);
    if (standing !== about.told) {
      // Looked at again when the hold is over.
      if (this.#holds.has(about)) return;
      this.#holds.put(about, now);
      if (standing === 'suspect') this.marks++;
      about.told = standing;
      this.#untold.add(about);
      this.#tell();
    }
    if (standing !== 'good' || this.#holds.has(about)) return;
    this.#clear(about);
    this.#cases.delete(registration);
  }

  #tell(): void {
    if (this.#isTelling || this.#isClosed || this.#untold.size === 0) return;
    this.#isTelling = true;
    let isTaken = false;
    const prepare = (): Command | undefined => {
      isTaken = true;
      const marks = [...this.#untold].map(markOf);
      this.#untold.clear();
      return marks.length === 0 ? undefined : { kind: 'mark', marks };
    };
    void this.#world.submit(prepare).then(() => {
      this.#isTelling = false;
      // Where nothing can be changed any more, nothing is told.
      if (isTaken) this.#tell();
      else this.#untold.clear();
    });
  }

  #arm(): void {
    const at = Math.min(this.#lives.nextAt, this.#hearings.nextAt, this.#holds.nextAt);
    if (at === this.#timerAt || this.#isClosed) return;
    const { clock } = this.#world;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = undefined;
    if (at === Infinity) return;
    this.#timer = clock.setTimer(() => {
      // What has arrived while this process was busy is heard before it is missed.
      clock.afterArrivals(() => this.#ring());
    }, at - clock.now());
    this.#timer.setRef(false);
  }

  #ring(): void {
    if (this.#isClosed) return;
    this.#timerAt = Infinity;
    const now = this.#world.clock.now();
    for (const heard of this.#lives.due(now)) {
      this.#forget(heard);
      this.#judge(heard.about);
    }
    // First: nobody is marked in the same moment in which it was to be asked about.
    for (const about of this.#holds.due(now)) this.#judge(about);
    for (const about of this.#hearings.due(now)) {
      about.isHeard = true;
      this.#judge(about);
    }
    this.#arm();
  }
}

function markOf({ registration: { place, id }, epoch, told }: Case): Mark {
  return { name: place.name, id, epoch, standing: told };
}

/**
 * The endpoints of one service and what this clerk has learned of them: the only place where health is written.
 * Hard evidence sets an endpoint aside at once, up to all but one; rates set aside at most half; the last is never
 * set aside. What is set aside is probed while calls arrive, and a probe never costs a call.
 *
 * @see promises C2.4
 */
import type { Endpoint } from '../core/endpoint.js';
import type { Clock } from '../core/clock.js';
import type { Reporter } from '../core/events.js';
import type { Evidence, Health } from '../core/health.js';
import type { AgedLoad, Load } from '../core/load-report.js';
import type { Channels, Reachable } from '../core/candidate.js';
import { failsTooOften, isOutlier, mayEject, restMs, standingOf, type Standing } from './ejection.js';
import { Member } from './member.js';
import { Probing } from './probing.js';

/** What a table needs of its surroundings. */
export interface EndpointTableOptions {
  /** The service, for reports. */
  readonly name: string;
  readonly clock: Clock;
  readonly reporter: Reporter;
  /** Opens the connections to an endpoint that is new here. */
  readonly open: (endpoint: Endpoint) => Channels;
  /** How long a probe may take, in ms. */
  readonly probeLimitMs: () => number;
  /** Hard evidence was seen: a look-up is due. */
  readonly onSuspect: (endpoint: string) => void;
  /** Members, or the status of one, have changed. */
  readonly onChange: () => void;
}

/**
 * How long one that the registry has just named gets less than its share, in ms: code is compiled and caches are
 * filled by then. What was there from the first answer on has the same time, all of them alike, so it spares nobody.
 *
 * @see Envoy, slow start mode, whose documentation calls 30 s to a minute usual
 */
const newcomerMs = 30_000;
/**
 * The same for one that was set aside and is back, in ms. Much shorter: mostly the process is the one that was there
 * before, stopped or cut off for a while, and warm; what an outage leaves is a queue, and a second empties it. And it
 * shall have its fair share again within three seconds of its healing (bench, P9), up to one of which a probe may take.
 * One that was started again at the same address is cold all the same; load shows it after a few calls. Where the
 * registry gives it a new instance id or epoch it is a newcomer.
 */
const revivedMs = 1_000;
/** Success rates of all are compared so often at most, in ms. */
const standingMs = 1_000;

/** A dial that was not heard of for so long is over, though nobody said so; in ms. */
const longestDialMs = 5_000;
/** A dial that was waited for less than this was not waited for: the caller was in a hurry; in ms. */
const leastDialMs = 250;

/** The endpoints of one service. */
export class EndpointTable implements Health {
  /** Grows whenever the members or the status of one changes: pickers made before are out of date then. */
  version = 0;
  /** Members that are set aside. */
  closed = 0;
  #members: readonly Member[] = [];
  #standing: Standing = standingOf([]);
  #standingAsOf = -Infinity;
  readonly #options: EndpointTableOptions;
  readonly #probing: Probing;

  constructor(options: EndpointTableOptions) {
    this.#options = options;
    const { clock, probeLimitMs: limitMs } = options;
    this.#probing = new Probing({
      clock,
      limitMs,
      onAlive: (member) => this.#revive(member, 0, clock.now()),
    });
  }

  /** All members, in the registry's order. */
  get members(): readonly Member[] {
    return this.#members;
  }

  /**
   * Takes over a complete new set. An instance that stays keeps its connections and what was learned of it; one that
   * is gone finishes what is in flight and is closed.
   */
  update(endpoints: readonly Endpoint[]): void {
    const known = new Map(this.#members.map((member) => [member.endpoint.id, member]));
    const members: Member[] = [];
    const warming = Object.freeze({ since: this.#options.clock.now(), windowMs: newcomerMs });
    for (const endpoint of endpoints) {
      const member = known.get(endpoint.id);
      if (member && sameAddresses(member.endpoint, endpoint) && member.endpoint.epoch === endpoint.epoch) {
        known.delete(endpoint.id);
        member.endpoint = endpoint;
        members.push(member);
      } else {
        const newcomer = new Member(endpoint, this.#options.open(endpoint));
        newcomer.warming = warming;
        members.push(newcomer);
      }
    }
    this.#members = members;
    for (const gone of known.values()) this.#drop(gone);
    this.closed = members.reduce((sum, member) => sum + (member.status === 'closed' ? 1 : 0), 0);
    this.#keepOneOpen();
    this.#changed();
  }

  /** A call arrived: probing goes on only while they do. */
  called(): void {
    this.#probing.called();
  }

  began(candidate: Reachable): void {
    const member = memberOf(candidate);
    member.pending++;
    if (member.refusals > 0) member.dialedAt = this.#options.clock.now();
  }

  ended(candidate: Reachable): void {
    const member = memberOf(candidate);
    member.pending--;
    if (member.pending === 0) member.dialedAt = 0;
  }

  answered(candidate: Reachable, latencyMs: number | undefined, now: number): void {
    const member = memberOf(candidate);
    if (!member.present) return;
    if (latencyMs !== undefined)
      member.observe(member.latencyMs === 0 ? this.#firstMs(member, latencyMs) : latencyMs, now);
    member.heardAt = now;
    member.count(true, now);
    member.consecutiveFailures = 0;
    if (member.troubledAt === 0) return;
    // One that fails now and then answers well in between: only what was asked after it was set aside speaks for it.
    if (member.failing && (latencyMs === undefined || now - latencyMs < member.ejectedAt)) return;
    this.#revive(member, latencyMs ?? 0, now);
  }

  late(candidate: Reachable, ms: number, now: number): void {
    memberOf(candidate).lateBy(ms, now);
  }

  reported(candidate: Reachable, load: Load, now: number): void {
    memberOf(candidate).hear({ ...load, receivedAt: now }, this.#options.clock.random());
  }

  /** What a registry tells of loads, by instance, as of an instant: less than what was heard of them since. */
  told(loads: ReadonlyMap<string, AgedLoad>, at: number): void {
    for (const member of this.#members) {
      const told = loads.get(member.endpoint.id);
      if (told === undefined) continue;
      const { ageMs, ...load } = told;
      member.hear({ ...load, receivedAt: at - ageMs }, this.#options.clock.random());
    }
  }

  failed(candidate: Reachable, evidence: Evidence, beganAt: number, now: number): void {
    const member = memberOf(candidate);
    if (!member.present) return;
    // What has never answered is taken to need as long as the others, or failing fast would look like answering fast.
    const usualMs = member.latencyMs === 0 ? this.#usualLatencyMs(member) : 0;
    if (usualMs > 0) member.observe(usualMs, now);
    member.penalize(now);
    const unheard = evidence === 'silence' || evidence === 'unreached';
    if (unheard || evidence === 'slow') member.lateBy(now - beganAt, now);
    // Older attempts began before the rest did: this one is the dial.
    if (beganAt >= member.restsUntil) member.dialedAt = 0;
    // It has answered somebody since: a slow answer, not silence.
    const silent = unheard && member.heardAt < beganAt;
    if (evidence === 'slow' || (unheard && !silent)) return;
    member.count(false, now);
    member.consecutiveFailures++;
    if (evidence === 'status') {
      member.heardAt = now;
      const { total, good } = member.rate(now);
      if (
        failsTooOften(member.consecutiveFailures, total, good) ||
        isOutlier(total, good, this.#standingAt(now))
      )
        this.#eject(member, false, 'failures', now);
      return;
    }
    // One round counts once, however many attempts were in it; what came to nothing before the rest was in the last one.
    if (evidence === 'refused' && now >= member.restsUntil) this.#rest(member, now);
    if (evidence === 'unreached' && beganAt >= member.restsUntil && now - beganAt >= leastDialMs)
      this.#rest(member, now);
    member.failedAt = silent ? beganAt : now;
    member.missedAt = now;
    // Attempts from before say nothing of connections made since.
    if (silent && beganAt >= member.renewedAt) {
      member.renewedAt = now;
      for (const channel of member.channels) channel.renew();
    }
    const reason = unheard ? 'silence' : evidence;
    if (member.troubledAt === 0) {
      member.troubledAt = now;
      const { name, reporter } = this.#options;
      if (reporter.wants('suspect'))
        reporter.report('suspect', { name, endpoint: member.endpoint.id, reason });
    }
    this.#eject(member, true, reason, now);
    this.#probing.begin(member);
    this.#options.onSuspect(member.endpoint.id);
  }

  admits(candidate: Reachable, now: number): boolean {
    const member = memberOf(candidate);
    if (member.refusals === 0) return true;
    return now >= member.restsUntil && (member.dialedAt === 0 || now - member.dialedAt >= longestDialMs);
  }

  restsUntil(candidate: Reachable): number {
    const member = memberOf(candidate);
    return member.refusals === 0 ? 0 : member.restsUntil;
  }

  /** Stops probing for good. Connections are the caller's to close. */
  stop(): void {
    this.#probing.stop();
  }

  /** Its next dial is paced. */
  #rest(member: Member, now: number): void {
    member.refusals++;
    member.restsUntil = now + restMs(member.refusals, this.#options.clock.random());
  }

  #eject(member: Member, hard: boolean, reason: string, now: number): void {
    if (member.status === 'closed' || !mayEject(hard, this.#members.length, this.closed)) return;
    member.status = 'closed';
    member.asideFor = reason;
    member.ejections = Math.max(0, member.ejections - Math.floor((now - member.ejectedAt) / 60_000)) + 1;
    member.ejectedAt = now;
    member.failing = !hard;
    this.closed++;
    this.#changed();
    if (member.troubledAt === 0) member.troubledAt = now;
    this.#probing.begin(member);
    const { name, reporter } = this.#options;
    if (reporter.wants('ejected')) reporter.report('ejected', { name, endpoint: member.endpoint.id, reason });
  }

  #revive(member: Member, latencyMs: number, now: number): void {
    const { name, reporter } = this.#options;
    const afterMs = now - member.troubledAt;
    this.#probing.end(member);
    member.recover(latencyMs, now);
    if (member.status === 'closed') {
      member.status = 'open';
      this.closed--;
      const { warming } = member;
      if (warming === undefined || warming.since + warming.windowMs < now + revivedMs)
        member.warming = Object.freeze({ since: now, windowMs: revivedMs });
      if (reporter.wants('revived'))
        reporter.report('revived', { name, endpoint: member.endpoint.id, afterMs });
    }
    this.#changed();
  }

  /** A first answer had to open its connection, and its process may have been cold: it counts up to twice the usual. */
  #firstMs(member: Member, latencyMs: number): number {
    const usualMs = this.#usualLatencyMs(member);
    return usualMs === 0 ? latencyMs : Math.min(latencyMs, 2 * usualMs);
  }

  /** Mean latency of the others that are open: what a newcomer is taken to need until it has shown. */
  #usualLatencyMs(except: Member): number {
    let sum = 0;
    let count = 0;
    for (const member of this.#members) {
      if (member === except || member.status === 'closed' || member.latencyMs === 0) continue;
      sum += member.latencyMs;
      count++;
    }
    return count === 0 ? 0 : sum / count;
  }

  /** How well all do, as of a second ago at most: with many members it costs more than a failing call should. */
  #standingAt(now: number): Standing {
    if (now - this.#standingAsOf >= standingMs) {
      this.#standingAsOf = now;
      this.#standing = standingOf(
        this.#members.filter(({ status }) => status === 'open').map((member) => member.rate(now)),
      );
    }
    return this.#standing;
  }

  #changed(): void {
    this.version++;
    this.#options.onChange();
  }

  #drop(member: Member): void {
    member.present = false;
    this.#probing.end(member);
    for (const channel of member.channels) channel.close().catch(() => undefined);
  }

  /** After a change of members all that are left might be closed: then none is. @see promises C2.4 (panic) */
  #keepOneOpen(): void {
    if (this.closed === 0 || this.closed < this.#members.length) return;
    for (const member of this.#members) {
      member.status = 'open';
      member.failing = false;
    }
    this.closed = 0;
  }
}

function sameAddresses(a: Endpoint, b: Endpoint): boolean {
  return (
    a.addresses.length === b.addresses.length && a.addresses.every((address, i) => address === b.addresses[i])
  );
}

/** Candidates come from here and go back here. */
function memberOf(candidate: Reachable): Member {
  if (candidate instanceof Member) return candidate;
  throw new TypeError(`${candidate.endpoint.id} is no member of a table`);
}

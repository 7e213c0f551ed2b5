import type { CallActivity } from '../../../src/core/call-activity.js';
import type { Replica } from '../replicas.js';
import type { CoverageMark } from '../coverage.js';

export interface LaunchCheckerOptions {
  readonly now: () => number;
  readonly idleStopMs: number | undefined;
  /** Ids of the endpoints of a service that serve: registered, up, and accepted by a running process. */
  readonly serving: (name: string) => readonly string[];
  readonly mark: (mark: CoverageMark) => void;
  readonly violate: (clause: string, what: string) => void;
}

/** A replacement of all instances that an operator has requested. */
interface Reset {
  readonly name: string;
  /** Fewest endpoints that may serve until its end. */
  readonly minServing: number;
}

/**
 * Checks what the launcher does with the processes that it has started: which ones it stops for being idle, whether a
 * service has endpoints while its instances are replaced, and what becomes of frozen processes.
 *
 * @see [C6.4](../../../docs/guarantees.md#c6-4), [C6.6](../../../docs/guarantees.md#c6-6), [C6.8](../../../docs/guarantees.md#c6-8)
 */
export class LaunchChecker {
  readonly #options: LaunchCheckerOptions;
  /** The last report of each instance that the server has received. */
  readonly #reports = new Map<string, CallActivity>();
  /** When the server last received a launch request. */
  #requestedAt = -Infinity;
  /** Instances that the launcher drains because they are idle, or are being replaced. */
  readonly #draining = new Set<string>();
  /** Frozen processes by instance, and whether another process has taken the place of each. */
  readonly #frozen = new Map<string, { readonly name: string; readonly at: number; isReplaced: boolean }>();
  readonly #started = new Set<string>();
  #reset: Reset | undefined;

  constructor(options: LaunchCheckerOptions) {
    this.#options = options;
  }

  /** The server has received the report of an instance. */
  reported(instance: string, activity: CallActivity): void {
    this.#reports.set(instance, activity);
  }

  /** The server has received a launch request. */
  startRequested(): void {
    this.#requestedAt = this.#options.now();
  }

  /** The launcher has logged a line. */
  logged(line: string): void {
    const [, verb, instance = ''] = /^(Draining|Replacing) \S+ \((\S+)\)/.exec(line) ?? [];
    if (verb === undefined) return;
    this.#draining.add(instance);
    if (verb === 'Draining') this.#checkIdle(instance);
  }

  /** The launcher kills a healthy process. */
  killed(instance: string, callsInFlight: number): void {
    if (this.#draining.has(instance) && callsInFlight > 0)
      this.#options.violate('C6.6', `${instance} is killed with ${callsInFlight} calls in flight`);
  }

  get isResetting(): boolean {
    return this.#reset !== undefined;
  }

  /** @param keepsAll - whether a new instance is started before an old one is drained */
  resetBegins(name: string, keepsAll: boolean): void {
    const count = this.#options.serving(name).length;
    this.#reset = { name, minServing: keepsAll ? count : count - 1 };
  }

  resetEnds(): void {
    this.#reset = undefined;
  }

  /** Registrations or processes have changed. */
  changed(): void {
    if (this.#reset === undefined) return;
    const { name, minServing } = this.#reset;
    const serving = this.#options.serving(name);
    if (serving.length < minServing)
      this.#options.violate(
        'C6.8',
        `${serving.length} endpoints of ${name} serve while its instances are replaced; at least ${minServing} must`,
      );
  }

  frozen({ id, service }: Replica): void {
    this.#frozen.set(id, { name: service, at: this.#options.now(), isReplaced: false });
  }

  thawed({ id }: Replica): void {
    if (this.#frozen.get(id)?.isReplaced === false) this.#frozen.delete(id);
  }

  /** Whether an instance has registered since its start. */
  hasStarted(instance: string): boolean {
    return this.#started.has(instance);
  }

  /** An instance has registered. */
  started({ id, service }: Replica, spawnedAt: number): void {
    this.#started.add(id);
    for (const frozen of this.#frozen.values())
      if (frozen.name === service && spawnedAt > frozen.at) frozen.isReplaced = true;
  }

  isReplaced({ id }: Replica): boolean {
    return this.#frozen.get(id)?.isReplaced === true;
  }

  /** A process handles a call. */
  handled({ id, service }: Replica): void {
    if (this.#frozen.get(id)?.isReplaced === true)
      this.#options.violate('C6.4', `${id} serves ${service} again although it was frozen and replaced`);
  }

  #checkIdle(instance: string): void {
    const { now, idleStopMs = Infinity, mark, violate } = this.#options;
    mark('idle-stopped');
    const { inFlight, idleMs } = this.#reports.get(instance) ?? { inFlight: 1, idleMs: 0 };
    if (inFlight > 0 || idleMs < idleStopMs)
      violate(
        'C6.6',
        `${instance} is stopped as idle with ${inFlight} calls, ${idleMs} ms after the last one`,
      );
    if (now() - this.#requestedAt < idleStopMs - 0.001)
      violate(
        'C6.6',
        `${instance} is stopped as idle ${(now() - this.#requestedAt).toFixed(0)} ms after a launch request`,
      );
  }
}

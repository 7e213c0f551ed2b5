/**
 * Keeps one service: at most one start of it is under way, whoever asks, and everybody who waits learns how it went. A
 * start begins only when nothing of an earlier one is open: processes that are being ended are gone, and a start whose
 * outcome nobody knows has had its time.
 *
 * @see promises C6
 */
import { matches } from '../../core/glob.js';
import { ClerkError, reasonOf } from '../../core/errors.js';
import type { LaunchRule } from '../../wire/messages.js';
import type { LaunchRecord } from '../ports.js';
import { ownBody, type Body } from './body.js';
import { Failures } from './failures.js';
import { Launched } from './launched.js';
import type { Manifest } from './manifest.js';
import { filled } from './parameters.js';
import { found } from './recovering.js';
import { remembered } from './remembering.js';
import type { Site } from './site.js';
import { newPair, spawnedFor } from './spawning.js';
import { Flight, type Patience } from './waiting.js';

const defaultReadyMs = 10_000;

/** One attempt to have the service run, which may be called off. */
interface Attempt {
  refusal: ClerkError | undefined;
  /** What has come of it. */
  launched: Launched | undefined;
}

/** Starts and ends one service. */
export class Keeper {
  readonly name: string;
  readonly #site: Site;
  readonly #launched = new Set<Launched>();
  readonly #failures = new Failures();
  #attempt: Attempt | undefined;
  #flight: Flight<boolean> | undefined;
  readonly #onIdle: () => void;
  #usedAt = -Infinity;

  /**
   * @param name - canonical
   * @param onIdle - called when nothing would be lost with it any more
   */
  constructor(site: Site, name: string, onIdle: () => void) {
    this.#site = site;
    this.name = name;
    this.#onIdle = onIdle;
  }

  /** Says so if nothing would be lost with it. */
  tidy(): void {
    if (this.#launched.size === 0 && this.#flight === undefined && this.#failures.isEmpty) this.#onIdle();
  }

  /** Whether somebody can be called under the name. */
  isCallable(): boolean {
    try {
      return this.#site.names.resolve(this.name).endpoints.some(({ state }) => state !== 'draining');
    } catch {
      return false;
    }
  }

  /**
   * Has it started, unless it runs.
   *
   * @returns whether this call is the one that started it
   * @throws {@link ClerkError} `START_FAILED`, `FORBIDDEN`, `LIMIT`, `DEADLINE_EXCEEDED`, `ABORTED`, `CLOSED`
   */
  async launch(rule: LaunchRule, patience: Patience): Promise<boolean> {
    this.#usedAt = this.#site.runtime.now();
    // Whoever asks may know already that it died, before its parent was told.
    for (const launched of this.#launched) await launched.looked();
    if (this.isCallable()) return false;
    const isFirst = this.#flight === undefined;
    const flight = (this.#flight ??= this.#begin(rule));
    const started = await flight.join(patience);
    return isFirst && started;
  }

  /** Ends all that runs of it, and a start that is under way; says how many groups. */
  async stop(reason: string): Promise<number> {
    const [attempt, flight] = [this.#attempt, this.#flight];
    if (attempt) attempt.refusal = new ClerkError('START_FAILED', `${this.name} was not started: ${reason}`);
    const ended = new Set(this.#launched);
    await Promise.all([...ended].map((launched) => launched.stop(reason)));
    if (attempt === undefined) return ended.size;
    // What was just being started has either not been, or is being ended by now.
    await flight?.over;
    if (attempt.launched) ended.add(attempt.launched);
    await attempt.launched?.over;
    return ended.size;
  }

  /** What went wrong before is not held against it. */
  forgive(): void {
    this.#failures.clear();
  }

  /** Takes over what an earlier server has started. */
  async adopt(record: LaunchRecord): Promise<void> {
    const was = await found(this.#site, record);
    if (was.kind === 'unknowable') return this.#site.names.launches.forget(record.name, record.instance);
    const { manifest } = record;
    this.#site.logger.info(
      `${record.name} (${record.instance}), started by an earlier server, is ${was.kind}`,
    );
    this.#site.slots.take(manifest, Infinity);
    const isDoubtful = was.kind !== 'running';
    this.#keep(record, was.body, this.#site.manifests.get(manifest), record.redeemed, isDoubtful);
  }

  /** Looks after it no more. */
  release(refusal: ClerkError): void {
    if (this.#attempt) this.#attempt.refusal = refusal;
    for (const launched of this.#launched) launched.release(refusal.message);
    this.#flight?.cancel(refusal);
  }

  #begin(rule: LaunchRule): Flight<boolean> {
    const attempt: Attempt = { refusal: undefined, launched: undefined };
    this.#attempt = attempt;
    const end = (): void => {
      this.#attempt = this.#flight = undefined;
    };
    return new Flight(this.name, this.#start(rule, attempt).finally(end));
  }

  async #start(rule: LaunchRule, attempt: Attempt): Promise<boolean> {
    for (const launched of this.#launched) await launched.arrived;
    if (this.isCallable()) return false;
    this.#throwWhilePaused();
    const manifest = this.#manifestFor(rule);
    const args = this.#said(() => filled(manifest.args, manifest.params, rule.params ?? {}));
    for (const launched of this.#launched) if (launched.isEnding) await launched.over;
    const change = await this.#site.programChange(manifest);
    if (change !== undefined) throw this.#failed(change);
    if (this.isCallable()) return false;
    await this.#makeRoom(rule.manifest, manifest);
    const launched = await this.#spawn(rule.manifest, manifest, args, attempt).catch((error: unknown) => {
      this.#site.slots.give(rule.manifest);
      throw error;
    });
    const arrival = await launched.arrived;
    if (arrival.kind === 'up') return true;
    this.#throwIfOff(attempt);
    throw this.#failed(arrival.reason);
  }

  /** Takes a slot; where there is none, those end that run under this name and cannot be called. */
  async #makeRoom(name: string, manifest: Manifest): Promise<void> {
    const { slots } = this.#site;
    if (slots.take(name, manifest.maxInstances)) return;
    await Promise.all([...this.#launched].map((launched) => launched.stop('nobody could call it')));
    if (slots.take(name, manifest.maxInstances)) return;
    const most = String(manifest.maxInstances);
    throw this.#failed(`manifest ${name} has ${most} of ${most} instances running; stop one of them`);
  }

  async #spawn(
    manifestName: string,
    manifest: Manifest,
    args: readonly string[],
    attempt: Attempt,
  ): Promise<Launched> {
    const { names, runtime } = this.#site;
    this.#throwIfOff(attempt);
    const pair = newPair(this.#site);
    const record = await names.launches.intend({
      name: this.name,
      manifest: manifestName,
      instance: `${this.name.slice(this.name.lastIndexOf('/') + 1)}-${runtime.randomHex(8)}`,
      ticketHash: runtime.sha256(pair.ticket),
      registryKey: pair.registryKey,
      startedAt: runtime.wallNow(),
    });
    try {
      this.#throwIfOff(attempt);
      const process = await spawnedFor(this.#site, manifest, args, record, pair);
      const launched = this.#keep(record, ownBody(this.#site.processes, process), manifest, false, false);
      attempt.launched = launched;
      if (attempt.refusal) void launched.stop(attempt.refusal.message);
      remembered(this.#site, record, process.pid, process.identity).catch((error: unknown) =>
        launched.fail(`its start could not be written down: ${reasonOf(error)}`),
      );
      return launched;
    } catch (error) {
      await names.launches.forget(record.name, record.instance).catch(() => undefined);
      if (attempt.refusal) throw attempt.refusal;
      this.#failures.failed(runtime.now(), reasonOf(error));
      throw this.#failed(reasonOf(error));
    }
  }

  #keep(
    record: LaunchRecord,
    body: Body,
    manifest: Manifest | undefined,
    isUp: boolean,
    isDoubtful: boolean,
  ): Launched {
    const { runtime, slots, lastUsedAt } = this.#site;
    const launched: Launched = new Launched(this.#site, {
      record,
      body,
      isUp,
      readyMs: manifest?.readyMs ?? defaultReadyMs,
      idleStopMs: manifest?.idleStopMs,
      usedAt: () => Math.max(this.#usedAt, lastUsedAt(this.name) ?? -Infinity),
      onFailed: (reason) => {
        if (!isDoubtful) this.#failures.failed(runtime.now(), reason);
      },
      onGone: (reason, wasWell) => {
        if (wasWell || isDoubtful) this.#failures.clear();
        else this.#failures.faltered(runtime.now(), reason);
      },
      onOver: () => {
        this.#launched.delete(launched);
        slots.give(record.manifest);
        this.tidy();
      },
    });
    this.#launched.add(launched);
    return launched;
  }

  #manifestFor({ manifest: name }: LaunchRule): Manifest {
    const manifest = this.#site.manifests.get(name);
    if (manifest === undefined) throw this.#failed(`this host has no manifest ${name}`);
    if (!matches(manifest.service, this.name))
      throw new ClerkError(
        'FORBIDDEN',
        `Manifest ${name} starts ${manifest.service.text}, and ${this.name} is not one of them`,
      );
    return manifest;
  }

  #throwIfOff({ refusal }: Attempt): void {
    if (refusal) throw refusal;
  }

  #throwWhilePaused(): void {
    const pause = this.#failures.pause(this.#site.runtime.now());
    if (pause === undefined) return;
    const seconds = (pause.remainingMs / 1_000).toFixed(1);
    throw new ClerkError(
      'START_FAILED',
      `${this.name} is started again in ${seconds} s at the earliest, since it could not be started: ${pause.reason}`,
      { remainingMs: pause.remainingMs },
    );
  }

  #said<T>(make: () => T): T {
    try {
      return make();
    } catch (error) {
      throw this.#failed(reasonOf(error));
    }
  }

  #failed(reason: string): ClerkError {
    return new ClerkError('START_FAILED', `${this.name} could not be started: ${reason}`);
  }
}

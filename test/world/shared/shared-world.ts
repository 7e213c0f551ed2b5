import type { NameService } from '../../../src/server/ports.js';
import { seededRandom } from '../../../src/testing/seeded-random.js';
import { SharedServers, type ServerProcess } from '../../server/shared-log/shared-servers.js';
import { LogTruth, type TrueBatch } from './log-truth.js';

const requestMs = 4_000;

export interface WorldOptions {
  readonly seed: number;
  readonly servers: number;
}

/** What a client learns of a request: the response, an error of the server, or nothing in time. */
export type Answer<T> =
  | { readonly kind: 'response'; readonly value: T; readonly handledAt: number }
  | { readonly kind: 'error'; readonly code: string }
  | { readonly kind: 'silence' };

/** Three servers over one engine in virtual time, with faults that a seed draws. */
export class SharedWorld {
  readonly servers: SharedServers;
  readonly truth = new LogTruth();
  readonly violations: string[] = [];
  readonly slots: (ServerProcess | undefined)[];
  readonly counts = new Map<string, number>();
  readonly random: () => number;
  readonly #listeners: ((batch: TrueBatch) => void)[] = [];
  /** When the engine last ended the session of a live server. */
  revokedAt = -Infinity;
  #isCalm = false;

  constructor({ seed, servers: count }: WorldOptions) {
    this.random = seededRandom(seed);
    this.servers = new SharedServers({
      seed,
      engine: {
        delayMs: () => 1 + this.random() * 12,
        fault: () => {
          const drawn = this.random();
          return this.#isCalm || drawn > 0.01 ? 'none' : drawn > 0.005 ? 'lost-request' : 'lost-response';
        },
        onAppended: (batch, server) => {
          const added = this.truth.add(batch, server, this.now);
          for (const listener of this.#listeners) listener(added);
        },
      },
    });
    this.slots = Array.from({ length: count }, () => undefined);
  }

  get now(): number {
    return this.servers.runtime.now();
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  violate(text: string): void {
    this.violations.push(`at ${Math.round(this.now - 1_000_000)} ms: ${text}`);
  }

  onAppended(listener: (batch: TrueBatch) => void): void {
    this.#listeners.push(listener);
  }

  between(min: number, max: number): number {
    return min + this.random() * (max - min);
  }

  pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.random() * values.length)] as T;
  }

  later(delayMs: number, run: () => void): void {
    this.servers.runtime.setTimer(run, delayMs);
  }

  wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.later(delayMs, resolve));
  }

  /** Sends a request to a server. A killed or paused server does not answer in time. */
  request<T>(
    process: ServerProcess | undefined,
    action: (names: NameService) => T | Promise<T>,
  ): Promise<Answer<T>> {
    return new Promise((resolve) => {
      const answer = (result: Answer<T>): void => this.later(this.between(0.2, 3), () => resolve(result));
      this.later(requestMs, () => resolve({ kind: 'silence' }));
      if (process === undefined) return answer({ kind: 'error', code: 'refused' });
      this.later(this.between(0.2, 3), () => {
        process.run(() => {
          const handledAt = this.now;
          void (async () => {
            try {
              const value = await action(process.names);
              process.run(() => answer({ kind: 'response', value, handledAt }));
            } catch (error) {
              const { code = String(error) } = error as { code?: string };
              process.run(() => answer({ kind: 'error', code }));
            }
          })();
        });
      });
    });
  }

  async startAll(): Promise<void> {
    for (let slot = 0; slot < this.slots.length; slot++) void this.#keepRunning(slot);
    await this.servers.runtime.advance(5_000);
  }

  /** Draws faults until the time is over, and then ends all of them. */
  disturb(untilMs: number): void {
    const next = (): void => {
      if (this.now >= untilMs) {
        this.#calm();
        return;
      }
      this.#drawFault();
      this.later(this.between(500, 6_000), next);
    };
    next();
  }

  #drawFault(): void {
    const slot = Math.floor(this.random() * this.slots.length);
    const process = this.slots[slot];
    const { engine } = this.servers;
    const durationMs = this.random() < 0.3 ? this.between(5_000, 25_000) : this.between(100, 3_000);
    switch (this.pick(['kill', 'pause', 'cut', 'away', 'revoke', 'silent', 'close'] as const)) {
      case 'kill':
        this.count('kill');
        process?.kill();
        this.slots[slot] = undefined;
        this.later(this.between(200, 8_000), () => void this.#keepRunning(slot));
        return;
      case 'close':
        if (process === undefined || !process.isRunning) return;
        this.count('close');
        this.slots[slot] = undefined;
        void process.names.close();
        this.later(this.between(200, 8_000), () => void this.#keepRunning(slot));
        return;
      case 'pause':
        this.count('pause');
        process?.pause();
        this.later(durationMs, () => process?.resume());
        return;
      case 'cut':
        if (process === undefined) return;
        this.count('cut');
        engine.cut(process.id);
        this.later(durationMs, () => engine.cut(process.id, false));
        return;
      case 'away':
        if (this.random() < 0.5) return;
        this.count('away');
        engine.isAway = true;
        this.later(durationMs, () => (engine.isAway = false));
        return;
      case 'revoke':
        if (process !== undefined) engine.endSessions(process.id);
        this.revokedAt = this.now;
        this.count('revoke');
        return;
      case 'silent':
        engine.isSilent = !engine.isSilent;
        return;
    }
  }

  #calm(): void {
    this.#isCalm = true;
    const { engine } = this.servers;
    engine.isAway = engine.isSilent = false;
    for (const process of this.slots) {
      process?.resume();
      if (process !== undefined) engine.cut(process.id, false);
    }
  }

  async #keepRunning(slot: number): Promise<void> {
    for (;;) {
      if (this.slots[slot] !== undefined) return;
      try {
        const process = await this.servers.start();
        if (this.slots[slot] === undefined) this.slots[slot] = process;
        else process.kill();
        this.count('start');
        return;
      } catch {
        await this.wait(500);
      }
    }
  }
}

/**
 * What becomes of the services and the server of a world when faults and an operator are at work: nobody is told by the
 * test, everything goes through processes, leases and the server's own interface.
 */
import { isClerkError } from '../../../src/core/errors.js';
import type { RegisterRequest } from '../../../src/wire/messages.js';
import { paths } from '../../../src/wire/paths.js';
import type { Changes, RegistryFault, Undo } from '../changes.js';
import type { Dice } from '../dice.js';
import type { Mark } from '../marks.js';
import type { Replica, Replicas } from '../replicas.js';
import type { Shape } from '../shape.js';
import type { Truth } from '../truth.js';
import type { FakeRuntime } from 'binding-clerk/testing';
import type { Disk } from './disk.js';
import type { Ledger } from './ledger.js';
import type { Services } from './services.js';
import type { WorldServer } from './world-server.js';

export interface ServedChangesOptions {
  readonly runtime: FakeRuntime;
  readonly random: Dice;
  readonly shape: Shape;
  readonly replicas: Replicas;
  readonly truth: Truth;
  readonly disk: Disk;
  readonly ledger: Ledger;
  readonly services: Services;
  readonly server: WorldServer;
  /** Asks the server as an operator; rejects when it is refused. */
  readonly order: (path: string, body: object) => Promise<void>;
  readonly mark: (mark: Mark) => void;
  readonly log: (line: string) => void;
}

/** Ways to choose that an operator gives to services. */
export const policies = [null, 'random', 'round-robin', 'least-pending', 'weighted', 'primary'] as const;

/** See the file's header. */
export class ServedChanges implements Changes {
  /** Share of messages that come late. */
  lossShare = 0;
  /** Streams say nothing. */
  isMute = false;
  readonly #options: ServedChangesOptions;
  readonly #random: Dice;
  readonly #cut = new Set<string>();
  #isHealed = false;

  constructor(options: ServedChangesOptions) {
    this.#options = options;
    this.#random = options.random;
  }

  /** Whether nothing goes between somebody and the server. */
  isCut(who: string): boolean {
    if (this.#cut.has(who)) this.#options.mark('fault:registry-cut');
    return this.#cut.has(who);
  }

  /** A write has failed. */
  failed(): void {
    // It may have begun before the healing and fail after it.
    if (this.#isHealed) this.#options.runtime.setTimer(() => this.#startAgain(), 1);
  }

  replace(old: Replica, isKilled: boolean, isSameAddress: boolean): void {
    const { services } = this.#options;
    old.leaving = true;
    if (isKilled) services.kill(old);
    const { service, serviceMs, address } = old;
    services.start(service, { serviceMs, ...(isSameAddress ? { address } : {}) });
    if (!isKilled) services.leave(old, false, this.#random.between(0, 2_000));
  }

  revive(replica: Replica): void {
    // Five attempts must be enough to find whoever is well.
    const { shape, truth } = this.#options;
    if (!shape.gentle || (truth.endpoints(replica.service)?.size ?? 0) < 5)
      this.#options.services.revive(replica);
  }

  remove(replica: Replica): void {
    this.#options.services.leave(replica, this.#random.chance(0.5), this.#random.between(0, 8_000));
  }

  add(service: string, serviceMs: number): void {
    this.#options.services.start(service, { serviceMs });
  }

  /** An old registration of somebody who has left arrives once more. */
  replay(request: RegisterRequest): void {
    const { order, log, mark } = this.#options;
    order(paths.register, request).then(
      () => log(`the registration of ${request.id} that came late was taken`),
      (error: unknown) => {
        if (isClerkError(error) && error.code === 'FORBIDDEN') mark('replay-refused');
      },
    );
  }

  relink(): undefined {
    const { shape, mark } = this.#options;
    if (shape.link === undefined) return undefined;
    mark('fault:relink');
    this.#change(paths.link, { name: shape.link, target: this.#random.one(shape.services) });
    return undefined;
  }

  redefine(name: string): undefined {
    this.#change(paths.define, { name, policy: this.#random.one(policies) });
    return undefined;
  }

  empty(name: string): undefined {
    // Whoever runs it is told at the next renewal, and registers again.
    this.#change(paths.remove, { name, recursive: true, force: true });
    return undefined;
  }

  takeOver(old: Replica): Undo | undefined {
    if (!this.#options.services.hasGivenId(old)) return undefined;
    const { replicas, mark } = this.#options;
    mark('fault:takeover');
    replicas.hold(old, 'paused');
    const { service, serviceMs, id } = old;
    old.leaving = true;
    this.#options.services.start(service, { serviceMs, id });
    return () => replicas.free(old, 'paused');
  }

  trouble(kind: RegistryFault, strength: number): Undo | undefined {
    const { mark } = this.#options;
    switch (kind) {
      case 'registry-down':
        mark('fault:registry-down');
        return this.#killed();
      case 'registry-hang': {
        const { machine } = this.#options.server;
        if (machine === undefined) return undefined;
        mark('fault:registry-hang');
        this.#options.server.stop();
        return () => {
          if (this.#options.server.machine === machine) this.#options.server.goOn();
        };
      }
      case 'registry-slow':
        this.#options.disk.slowMs = 3_000 * strength ** 2;
        return () => (this.#options.disk.slowMs = 0);
      case 'watch-break':
        this.isMute = true;
        return () => (this.isMute = false);
      case 'registry-loss':
        this.lossShare = 0.05 + 0.6 * strength ** 2;
        return () => (this.lossShare = 0);
      case 'registry-cut':
        return this.#cutOff();
      case 'write-fails':
        mark('fault:write-fails');
        this.#options.disk.failing = true;
        return () => {
          this.#options.disk.failing = false;
          this.#startAgain();
        };
      default:
        return undefined;
    }
  }

  heal(): void {
    this.#options.disk.failing = false;
    this.#options.disk.slowMs = 0;
    this.lossShare = 0;
    this.isMute = false;
    this.#cut.clear();
    this.#isHealed = true;
    this.#startAgain();
  }

  /** Kills the server, at once or in the midst of its next write. */
  #killed(): Undo {
    let isOver = false;
    const kill = (): void => {
      if (isOver) return;
      if (this.#options.server.machine !== undefined) this.#options.mark('server-killed');
      this.#options.server.kill();
    };
    if (this.#random.chance(0.5)) this.#options.disk.onNextWrite = kill;
    else kill();
    return () => {
      isOver = true;
      this.#options.disk.onNextWrite = undefined;
      this.#options.server.start();
    };
  }

  /** Whoever looks after the server starts it again. */
  #startAgain(): void {
    if (this.#options.ledger.isBroken) this.#options.server.kill();
    this.#options.server.start();
  }

  #cutOff(): Undo | undefined {
    const all = [...this.#options.services.running()].filter(({ replica }) => !replica.sheltered);
    if (all.length === 0) return undefined;
    const { id } = this.#random.one(all).machine;
    this.#cut.add(id);
    this.#options.log(`${id} is cut off from the registry`);
    return () => this.#cut.delete(id);
  }

  /** An operator's change: where a promise stands against it, some are content to wait. */
  #change(path: string, body: object): void {
    const whenExpired = path !== paths.remove && this.#random.chance(0.5);
    void this.#options
      .order(path, { ...body, ...(whenExpired && { whenExpired }) })
      .catch((error: unknown) => {
        if (!isClerkError(error)) throw error;
        if (error.code === 'PROMISE_HELD') this.#options.mark('promise-held');
        this.#options.log(`the operator is refused: ${error.message}`);
      });
  }
}

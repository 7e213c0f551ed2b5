/**
 * What becomes of a world's services and of its registry when faults and operators are at work: with a registry of the
 * test's own, which is simply told.
 */
import type { FakeRuntime } from 'binding-clerk/testing';
import type { Dice } from './dice.js';
import type { FaultKind, Mark } from './marks.js';
import type { RegistryTrouble } from './registry.js';
import { endpointOf, type Replica, type Replicas } from './replicas.js';
import type { Truth } from './truth.js';

/** Takes something back. */
export type Undo = () => void;

/** Troubles of a registry. */
export type RegistryFault = FaultKind & (`registry-${string}` | 'watch-break' | 'write-fails');

export interface Changes {
  /** A replica ends, by force or in good order, and another takes its place. */
  replace(old: Replica, isKilled: boolean, isSameAddress: boolean): void;
  /** A replica that was killed is back. */
  revive(replica: Replica): void;
  remove(replica: Replica): void;
  add(service: string, serviceMs: number): void;
  relink(): undefined;
  /** The registry means it: nobody is there, or the name itself is gone. */
  empty(service: string): Undo | undefined;
  /** An operator changes how a service is chosen. */
  redefine(service: string): undefined;
  /** Somebody else takes the place of a replica that is stopped. */
  takeOver(old: Replica): Undo | undefined;
  trouble(kind: RegistryFault, strength: number): Undo | undefined;
  /** All troubles of the registry are over. */
  heal(): void;
}

export interface PortChangesOptions {
  readonly runtime: FakeRuntime;
  readonly random: Dice;
  readonly replicas: Replicas;
  readonly truth: Truth;
  readonly trouble: RegistryTrouble;
  readonly services: readonly string[];
  readonly link: string | undefined;
  readonly mark: (mark: Mark) => void;
  readonly log: (line: string) => void;
}

/** See the file's header. */
export class PortChanges implements Changes {
  readonly #options: PortChangesOptions;

  constructor(options: PortChangesOptions) {
    this.#options = options;
  }

  replace(old: Replica, isKilled: boolean, isSameAddress: boolean): void {
    const { replicas, truth, runtime, random } = this.#options;
    old.leaving = true;
    if (isKilled) replicas.hold(old, 'down');
    const next = replicas.start(old.service, {
      serviceMs: old.serviceMs,
      ...(isSameAddress ? { address: old.address } : {}),
    });
    truth.add(old.service, endpointOf(next));
    // The registry learns of a crash only when the lease is over.
    const leaseMs = isKilled ? random.between(0, 3_000) : 0;
    runtime.setTimer(() => truth.remove(old.service, old.id), leaseMs);
    // Who withdraws goes on for a while, for those who have not heard of it.
    if (!isKilled) runtime.setTimer(() => replicas.hold(old, 'down'), random.between(0, 8_000));
  }

  revive(replica: Replica): void {
    this.#options.replicas.free(replica, 'down');
  }

  remove({ service, id }: Replica): void {
    this.#options.truth.remove(service, id);
  }

  add(service: string, serviceMs: number): void {
    const { replicas, truth } = this.#options;
    truth.add(service, endpointOf(replicas.start(service, { serviceMs })));
  }

  relink(): undefined {
    const { link, truth, random, services, mark, log } = this.#options;
    if (link === undefined) return undefined;
    const target = random.one(services);
    mark('fault:relink');
    log(`${link} now stands for ${target}`);
    truth.link(link, target);
    return undefined;
  }

  empty(service: string): Undo {
    const { truth, random, log } = this.#options;
    const before = truth.endpoints(service);
    const absent = random.chance(0.3);
    log(`registry ${absent ? 'forgets' : 'empties'} ${service}`);
    truth.set(service, absent ? undefined : new Map());
    return () => {
      log(`registry knows ${service} again`);
      truth.set(service, new Map([...(before ?? []), ...(truth.endpoints(service) ?? [])]));
    };
  }

  redefine(): undefined {
    return undefined;
  }

  takeOver(): undefined {
    return undefined;
  }

  trouble(kind: RegistryFault, strength: number): Undo | undefined {
    switch (kind) {
      case 'registry-down':
        return this.#switch({ down: true }, { down: false });
      case 'registry-hang':
        return this.#switch({ hanging: true }, { hanging: false });
      case 'registry-lie':
        return this.#switch({ lying: true }, { lying: false });
      case 'watch-break':
        return this.#switch({ mute: true }, { mute: false });
      case 'registry-slow':
        return this.#switch({ slowMs: 3_000 * strength ** 2 }, { slowMs: 0 });
      default:
        return undefined;
    }
  }

  heal(): void {
    this.#switch({}, { down: false, hanging: false, lying: false, slowMs: 0, mute: false })();
  }

  #switch(begin: Partial<RegistryTrouble>, end: Partial<RegistryTrouble>): Undo {
    const { trouble, log } = this.#options;
    Object.assign(trouble, begin);
    log(`registry ${JSON.stringify(begin)}`);
    return () => {
      Object.assign(trouble, end);
      log(`registry ${JSON.stringify(end)}`);
    };
  }
}

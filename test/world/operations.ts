/**
 * What becomes of a world's services and of its registry when faults and operators are at work: with a registry of the
 * test's own, which is simply told.
 */
import type { FakeRuntime } from 'binding-clerk/testing';
import type { RandomStream } from './random-stream.js';
import type { FaultKind, CoverageMark } from './coverage.js';
import type { RegistryState } from './simulated-registry.js';
import { endpointOf, type Replica, type Replicas } from './replicas.js';
import type { GroundTruth } from './ground-truth.js';

/** Takes something back. */
export type Undo = () => void;

/** Troubles of a registry. */
export type RegistryFaultKind = FaultKind & (`registry-${string}` | 'watch-break' | 'write-fails');

export interface Operations {
  /** A replica ends, by force or in good order, and another takes its place. */
  replace(old: Replica, isKilled: boolean, isSameAddress: boolean): void;
  /** A replica that was killed is back. */
  revive(replica: Replica): void;
  remove(replica: Replica): void;
  add(service: string, serviceMs: number): void;
  retargetLink(): undefined;
  /** The registry means it: nobody is there, or the name itself is gone. */
  clearService(service: string): Undo | undefined;
  /** An operator changes how a service is chosen. */
  redefine(service: string): undefined;
  /** Somebody else takes the place of a replica that is stopped. */
  takeOver(old: Replica): Undo | undefined;
  degradeRegistry(kind: RegistryFaultKind, strength: number): Undo | undefined;
  /** All troubles of the registry are over. */
  heal(): void;
}

export interface PortOperationsOptions {
  readonly runtime: FakeRuntime;
  readonly random: RandomStream;
  readonly replicas: Replicas;
  readonly truth: GroundTruth;
  readonly registryState: RegistryState;
  readonly services: readonly string[];
  readonly link: string | undefined;
  readonly mark: (mark: CoverageMark) => void;
  readonly log: (line: string) => void;
}

/** See the file's header. */
export class PortOperations implements Operations {
  readonly #options: PortOperationsOptions;

  constructor(options: PortOperationsOptions) {
    this.#options = options;
  }

  replace(old: Replica, isKilled: boolean, isSameAddress: boolean): void {
    const { replicas, truth, runtime, random } = this.#options;
    old.leaving = true;
    if (isKilled) replicas.impair(old, 'down');
    const next = replicas.start(old.service, {
      serviceMs: old.serviceMs,
      ...(isSameAddress ? { address: old.address } : {}),
    });
    truth.add(old.service, endpointOf(next));
    // The registry learns of a crash only when the lease is over.
    const leaseMs = isKilled ? random.between(0, 3_000) : 0;
    runtime.setTimer(() => truth.remove(old.service, old.id), leaseMs);
    // Who withdraws goes on for a while, for those who have not heard of it.
    if (!isKilled) runtime.setTimer(() => replicas.impair(old, 'down'), random.between(0, 8_000));
  }

  revive(replica: Replica): void {
    this.#options.replicas.restore(replica, 'down');
  }

  remove({ service, id }: Replica): void {
    this.#options.truth.remove(service, id);
  }

  add(service: string, serviceMs: number): void {
    const { replicas, truth } = this.#options;
    truth.add(service, endpointOf(replicas.start(service, { serviceMs })));
  }

  retargetLink(): undefined {
    const { link, truth, random, services, mark, log } = this.#options;
    if (link === undefined) return undefined;
    const target = random.one(services);
    mark('fault:relink');
    log(`${link} now stands for ${target}`);
    truth.link(link, target);
    return undefined;
  }

  clearService(service: string): Undo {
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

  degradeRegistry(kind: RegistryFaultKind, strength: number): Undo | undefined {
    switch (kind) {
      case 'registry-down':
        return this.#toggle({ down: true }, { down: false });
      case 'registry-hang':
        return this.#toggle({ hanging: true }, { hanging: false });
      case 'registry-lie':
        return this.#toggle({ lying: true }, { lying: false });
      case 'watch-break':
        return this.#toggle({ watchesSilent: true }, { watchesSilent: false });
      case 'registry-slow':
        return this.#toggle({ slowMs: 3_000 * strength ** 2 }, { slowMs: 0 });
      default:
        return undefined;
    }
  }

  heal(): void {
    this.#toggle({}, { down: false, hanging: false, lying: false, slowMs: 0, watchesSilent: false })();
  }

  #toggle(begin: Partial<RegistryState>, end: Partial<RegistryState>): Undo {
    const { registryState, log } = this.#options;
    Object.assign(registryState, begin);
    log(`registry ${JSON.stringify(begin)}`);
    return () => {
      Object.assign(registryState, end);
      log(`registry ${JSON.stringify(end)}`);
    };
  }
}

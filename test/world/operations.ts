import type { FakeRuntime } from 'binding-clerk/testing';
import type { RandomStream } from './random-stream.js';
import type { FaultKind, CoverageMark } from './coverage.js';
import type { RegistryState } from './simulated-registry.js';
import { endpointOf, type Replica, type Replicas } from './replicas.js';
import type { GroundTruth } from './ground-truth.js';

/** Reverts a fault. */
export type Undo = () => void;

/** Faults of a registry. */
export type RegistryFaultKind = FaultKind & (`registry-${string}` | 'watch-break' | 'write-fails');

/** Changes of a simulation's services and registry, by faults and operators. */
export interface Operations {
  /** A replica is killed or stops, and another one replaces it. */
  replace(old: Replica, isKilled: boolean, isSameAddress: boolean): void;
  /** A killed replica runs again. */
  revive(replica: Replica): void;
  remove(replica: Replica): void;
  add(service: string, serviceMs: number): void;
  retargetLink(): undefined;
  /** The service has no endpoint in the registry, or its name is removed. */
  clearService(service: string): Undo | undefined;
  /** An operator changes the policy of a service. */
  redefine(service: string): undefined;
  /** Another process takes over the id of a paused replica. */
  takeOver(old: Replica): Undo | undefined;
  degradeRegistry(kind: RegistryFaultKind, strength: number): Undo | undefined;
  /** Ends all faults of the registry. */
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

/** Operations on the simulated registry, which is changed directly. */
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
    // The registry notices a crash only when the lease expires.
    const leaseMs = isKilled ? random.between(0, 3_000) : 0;
    runtime.setTimer(() => truth.remove(old.service, old.id), leaseMs);
    // A withdrawn replica keeps running for a while, for clients with an earlier lookup.
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
    log(`${link} is now a link to ${target}`);
    truth.link(link, target);
    return undefined;
  }

  clearService(service: string): Undo {
    const { truth, random, log } = this.#options;
    const before = truth.endpoints(service);
    const absent = random.chance(0.3);
    log(`registry ${absent ? 'removes' : 'empties'} ${service}`);
    truth.set(service, absent ? undefined : new Map());
    return () => {
      log(`registry has ${service} again`);
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

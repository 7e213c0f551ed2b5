import { isClerkError } from '../../../src/core/errors.js';
import type { RegisterRequest } from '../../../src/protocol/registration-messages.js';
import { paths } from '../../../src/protocol/paths.js';
import type { Operations, RegistryFaultKind, Undo } from '../operations.js';
import type { RandomStream } from '../random-stream.js';
import type { CoverageMark } from '../coverage.js';
import type { Replica, Replicas } from '../replicas.js';
import type { Scenario } from '../scenario.js';
import type { GroundTruth } from '../ground-truth.js';
import type { FakeRuntime } from 'binding-clerk/testing';
import { guessedSecret } from './server-checker.js';
import type { SimulatedDisk } from './simulated-disk.js';
import type { ServerChecker } from './server-checker.js';
import type { ServiceProcesses } from './service-processes.js';
import type { SimulatedServer } from './simulated-server.js';

export interface ServerOperationsOptions {
  readonly runtime: FakeRuntime;
  readonly random: RandomStream;
  readonly scenario: Scenario;
  readonly replicas: Replicas;
  readonly truth: GroundTruth;
  readonly disk: SimulatedDisk;
  readonly checker: ServerChecker;
  readonly services: ServiceProcesses;
  readonly server: SimulatedServer;
  /** Whether services move to other names. */
  readonly moves: boolean;
  /** Sends a request of an operator to the server; rejects on an error response. */
  readonly sendOperatorRequest: (path: string, body: object) => Promise<void>;
  readonly mark: (mark: CoverageMark) => void;
  readonly log: (line: string) => void;
}

/** Policies that an operator gives to services. */
export const policies = [null, 'random', 'round-robin', 'least-pending', 'weighted', 'primary'] as const;

/**
 * Operations with the bundled server. Everything goes through processes, leases and the server's HTTP interface.
 */
export class ServerOperations implements Operations {
  /** Share of messages that are delayed. */
  delayedShare = 0;
  /** Streams deliver nothing. */
  isMute = false;
  readonly #options: ServerOperationsOptions;
  readonly #random: RandomStream;
  readonly #partitioned = new Set<string>();
  #isHealed = false;

  constructor(options: ServerOperationsOptions) {
    this.#options = options;
    this.#random = options.random;
  }

  /** Whether a client is partitioned from the server. */
  isPartitioned(clientId: string): boolean {
    if (this.#partitioned.has(clientId)) this.#options.mark('fault:registry-cut');
    return this.#partitioned.has(clientId);
  }

  /** A write has failed. */
  failed(): void {
    // The write may have started before `heal`.
    if (this.#isHealed) this.#options.runtime.setTimer(() => this.#restartServer(), 1);
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
    // A call has five attempts to find a healthy endpoint.
    const { scenario, truth } = this.#options;
    if (!scenario.isSurvivable || (truth.endpoints(replica.service)?.size ?? 0) < 5)
      this.#options.services.revive(replica);
  }

  remove(replica: Replica): void {
    this.#options.services.leave(replica, this.#random.chance(0.5), this.#random.between(0, 8_000));
  }

  add(service: string, serviceMs: number): void {
    this.#options.services.start(service, { serviceMs });
  }

  /** Repeats an old registration of a withdrawn endpoint. */
  replay(request: RegisterRequest): void {
    const { sendOperatorRequest, log, mark } = this.#options;
    sendOperatorRequest(paths.register, request).then(
      () => log(`the late registration of ${request.id} was accepted`),
      (error: unknown) => {
        if (isClerkError(error) && error.code === 'FORBIDDEN') mark('replay-rejected');
      },
    );
  }

  retargetLink(): undefined {
    const { scenario, mark } = this.#options;
    if (scenario.link === undefined) return undefined;
    mark('fault:relink');
    this.#requestChange(paths.link, { name: scenario.link, target: this.#random.one(scenario.services) });
    return undefined;
  }

  redefine(name: string): undefined {
    this.#requestChange(paths.define, {
      name: this.#options.checker.canonicalOf(name),
      policy: this.#random.one(policies),
    });
    return undefined;
  }

  clearService(name: string): undefined {
    // The names of a service that was moved would no longer lead to the same one.
    if (this.#options.moves) return undefined;
    // Its services notice at the next renewal, and register again.
    this.#requestChange(paths.remove, { name, recursive: true, force: true });
    return undefined;
  }

  takeOver(old: Replica): Undo | undefined {
    this.#impersonate(old);
    if (!this.#options.services.choseOwnId(old)) return undefined;
    const { replicas, mark } = this.#options;
    mark('fault:takeover');
    replicas.impair(old, 'paused');
    const { service, serviceMs, id } = old;
    old.leaving = true;
    this.#options.services.start(service, { serviceMs, id });
    // A holder counts as silent only when it has missed a renewal, so most of them stay paused until all faults end.
    if (this.#random.chance(0.8)) return undefined;
    return () => replicas.restore(old, 'paused');
  }

  degradeRegistry(kind: RegistryFaultKind, strength: number): Undo | undefined {
    const { mark } = this.#options;
    switch (kind) {
      case 'registry-down':
        mark('fault:registry-down');
        return this.#killServer();
      case 'registry-hang': {
        const { process } = this.#options.server;
        if (process === undefined) return undefined;
        mark('fault:registry-hang');
        this.#options.server.stop();
        return () => {
          if (this.#options.server.process === process) this.#options.server.resume();
        };
      }
      case 'registry-slow':
        this.#options.disk.slowMs = 3_000 * strength ** 2;
        return () => (this.#options.disk.slowMs = 0);
      case 'watch-break':
        this.isMute = true;
        return () => (this.isMute = false);
      case 'registry-loss':
        this.delayedShare = 0.05 + 0.6 * strength ** 2;
        return () => (this.delayedShare = 0);
      case 'registry-cut':
        return this.#partition();
      case 'write-fails':
        mark('fault:write-fails');
        this.#options.disk.isFailing = true;
        return () => {
          this.#options.disk.isFailing = false;
          // Otherwise the server recovers by itself.
          if (this.#random.chance(0.5)) this.#restartServer();
        };
      default:
        return undefined;
    }
  }

  heal(): void {
    this.#options.disk.isFailing = false;
    this.#options.disk.slowMs = 0;
    this.delayedShare = 0;
    this.isMute = false;
    this.#partitioned.clear();
    this.#isHealed = true;
    this.#restartServer();
  }

  /** A stranger registers an instance with all that lookups show of it. */
  #impersonate(replica: Replica): void {
    const { sendOperatorRequest, services, mark } = this.#options;
    const shown = services.registrationOf(replica);
    if (shown === undefined) return;
    const request = { ...shown, secret: guessedSecret, addresses: ['http://stranger:80'] };
    // A proxy may answer in place of the server, so the checker looks at the response of the server.
    sendOperatorRequest(paths.register, request).catch((error: unknown) => {
      if (isClerkError(error) && error.code === 'FORBIDDEN') mark('stranger-rejected');
    });
  }

  /** Kills the server, now or during its next write. */
  #killServer(): Undo {
    let isOver = false;
    const kill = (): void => {
      if (isOver) return;
      if (this.#options.server.process !== undefined) this.#options.mark('server-killed');
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

  /** Restarts the server, like a supervisor. */
  #restartServer(): void {
    if (this.#options.checker.isBroken) this.#options.server.kill();
    this.#options.server.start();
  }

  #partition(): Undo | undefined {
    const all = [...this.#options.services.running()].filter(({ replica }) => !replica.isProtected);
    if (all.length === 0) return undefined;
    const { id } = this.#random.one(all).process;
    this.#partitioned.add(id);
    this.#options.log(`${id} is partitioned from the registry`);
    return () => this.#partitioned.delete(id);
  }

  /** Requests a change; half of the requests use `whenExpired` when a guarantee forbids it. */
  #requestChange(path: string, body: object): void {
    const whenExpired = path !== paths.remove && this.#random.chance(0.5);
    void this.#options
      .sendOperatorRequest(path, { ...body, ...(whenExpired && { whenExpired }) })
      .catch((error: unknown) => {
        if (!isClerkError(error)) throw error;
        if (error.code === 'CHANGE_TOO_EARLY') this.#options.mark('change-too-early');
        this.#options.log(`the operator's request fails: ${error.message}`);
      });
  }
}

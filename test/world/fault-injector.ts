import type { FakeRuntime, MemoryRequest, ServerReply } from 'binding-clerk/testing';
import type { RandomStream } from './random-stream.js';
import type { FaultKind, CoverageMark } from './coverage.js';
import type { Operations, Undo } from './operations.js';
import type { Replica, Replicas } from './replicas.js';
import type { FaultMix } from './fault-mix.js';

/** A wall clock that faults may shift. */
export interface AdjustableWallClock {
  readonly id: string;
  wallOffsetMs: number;
  wallShifted?: boolean;
}

export interface FaultInjectorOptions {
  readonly runtime: FakeRuntime;
  readonly random: RandomStream;
  readonly mix: FaultMix;
  readonly replicas: Replicas;
  readonly operations: Operations;
  readonly services: readonly string[];
  readonly clerks: readonly AdjustableWallClock[];
  readonly clocks: () => readonly AdjustableWallClock[];
  readonly mark: (mark: CoverageMark) => void;
  readonly log: (line: string) => void;
}

/** Injects the faults of a fault mix until `heal`. */
export class FaultInjector {
  readonly #options: FaultInjectorOptions;
  readonly #undo = new Set<() => void>();
  #isHealed = false;
  /** Clients whose requests are lost. */
  readonly #cutOff = new Set<string>();
  #delayMs = 0;

  constructor(options: FaultInjectorOptions) {
    this.#options = options;
    options.replicas.replyRule = (replica, request) => this.#decide(replica, request);
  }

  /** Starts to inject faults. */
  begin(): void {
    for (const [kind, strength] of this.#options.mix) this.#schedule(kind, strength);
  }

  /** Whether all messages of a client are lost. */
  isCutOff(clientId: string): boolean {
    return this.#cutOff.has(clientId);
  }

  /** Additional latency of one message, in ms. */
  messageDelayMs(): number {
    const { random, mark } = this.#options;
    if (this.#delayMs === 0) return 0;
    mark('fault:delay');
    // Messages of all endpoints are slow, probes included.
    for (const replica of this.#options.replicas.all) replica.troubledAt = this.#options.runtime.now();
    return random.uniform() * this.#delayMs;
  }

  /** Longest additional latency of a message, in ms. */
  get maxMessageDelayMs(): number {
    return this.#delayMs;
  }

  /** How a replica handles a call with a custom protocol. */
  replyFor(replica: Replica, clerk: string): ServerReply {
    return this.#options.replicas.reply(replica, {
      address: replica.address,
      path: '/',
      method: 'CUSTOM',
      headers: { 'x-call-id': `${clerk}-custom` },
      body: undefined,
      isProbe: false,
    });
  }

  /** Ends all faults. */
  heal(): void {
    const { replicas, operations } = this.#options;
    this.#isHealed = true;
    for (const undo of [...this.#undo]) undo();
    this.#cutOff.clear();
    this.#delayMs = 0;
    operations.heal();
    replicas.heal();
  }

  /** Injects a few more failures after the simulation has converged. */
  aftershock(): void {
    const { replicas, random } = this.#options;
    replicas.replyRule = () => (random.chance(0.6) ? { behavior: 'reset-before' } : {});
  }

  #decide(replica: Replica, request: MemoryRequest): ServerReply {
    const { random, mix, mark } = this.#options;
    if (this.#isHealed) return {};
    const clerk = request.headers['x-call-id']?.split('-')[0] ?? '';
    if (this.#cutOff.has(clerk)) {
      mark('fault:cut-off');
      return { behavior: 'hang' };
    }
    if (replica.slowMs > 0) mark('fault:slow-replica');
    if (replica.status !== undefined)
      mark(replica.retryAfter === undefined ? 'fault:status' : 'fault:retry-after');
    const fates = [
      ['lose-request', 'hang'],
      ['lose-reply', 'drop-response'],
      ['reset-before', 'reset-before'],
      ['reset-after', 'reset-after'],
      ['truncate', 'truncate'],
      ['refuse-stream', 'refuse-stream'],
    ] as const;
    for (const [kind, fate] of fates) {
      const strength = mix.get(kind);
      // Squared: usually rare, at most 62 %.
      if (strength === undefined || !random.chance(0.02 + 0.6 * strength ** 2)) continue;
      mark(`fault:${kind}`);
      return { behavior: fate, ...(fate === 'truncate' ? { bodyDelayMs: random.between(0, 20) } : {}) };
    }
    return {};
  }

  /** Starts episodes of a fault as a Poisson process. */
  #schedule(kind: FaultKind, strength: number): void {
    const { runtime, random } = this.#options;
    const begin = this.#episodes[kind];
    if (begin === undefined) return;
    const meanMs = 4_000 - 3_500 * strength;
    const next = (): void => {
      if (this.#isHealed) return;
      const undo = begin(strength);
      // Some last until `heal`, so that clients cannot rely on a fault to end.
      // Error statuses must last for a while, since outlier detection needs many of them.
      const lasting = kind === 'status' ? 0.5 : 0.1;
      const ms = random.chance(lasting) ? Infinity : random.between(20, 200 + 4_000 * strength ** 2);
      if (undo) this.#during(ms, undo);
      runtime.setTimer(next, -Math.log(1 - random.uniform()) * meanMs);
    };
    runtime.setTimer(next, random.uniform() * meanMs);
  }

  #during(ms: number, undo: () => void): void {
    const end = (): void => {
      if (!this.#undo.delete(end)) return;
      timer?.cancel();
      undo();
    };
    const timer = ms === Infinity ? undefined : this.#options.runtime.setTimer(end, ms);
    this.#undo.add(end);
  }

  readonly #episodes: Partial<Record<FaultKind, (strength: number) => (() => void) | undefined>> = {
    'connect-stall': () => this.#impair('connect-stall', 'stalled'),
    refuse: () => this.#impair('refuse', 'refusing'),
    pause: () => this.#impair('pause', 'paused'),
    kill: () => {
      const undo = this.#impair('kill', 'down');
      return undo && (() => this.#options.operations.revive(undo.replica));
    },
    'slow-replica': (strength) =>
      this.#alter(
        (replica) => (replica.slowMs = 2_000 * strength),
        (replica) => (replica.slowMs = 0),
      ),
    status: () => {
      const status = this.#options.random.one([500, 502, 503, 503, 504, 501, 404]);
      const exemptsProbes = this.#options.random.chance(0.4);
      return this.#alter(
        (replica) => {
          replica.status = status;
          replica.exemptsProbes = exemptsProbes;
        },
        (replica) => (replica.status = undefined),
      );
    },
    'retry-after': () => {
      const status = this.#options.random.one([429, 503]);
      const seconds = this.#options.random.one([0, 1, 1, 2, 30]);
      return this.#alter(
        (replica) => {
          replica.status = status;
          replica.retryAfter = seconds;
        },
        (replica) => {
          replica.status = replica.retryAfter = undefined;
        },
      );
    },
    delay: (strength) => {
      this.#delayMs = 400 * strength ** 2;
      return () => (this.#delayMs = 0);
    },
    'cut-off': () => {
      const { id } = this.#options.random.one(this.#options.clerks);
      this.#cutOff.add(id);
      this.#options.log(`partition ${id}`);
      return () => this.#cutOff.delete(id);
    },
    'restart-elsewhere': () => this.#replace('restart-elsewhere', true, false),
    'address-reuse': () => this.#replace('address-reuse', true, true),
    withdraw: () => this.#replace('withdraw', false, false),
    scale: () => this.#scale(),
    relink: () => this.#options.operations.retargetLink(),
    'registry-down': () => this.#options.operations.degradeRegistry('registry-down', 0),
    'registry-hang': () => this.#options.operations.degradeRegistry('registry-hang', 0),
    'registry-lie': () => this.#options.operations.degradeRegistry('registry-lie', 0),
    'watch-break': () => this.#options.operations.degradeRegistry('watch-break', 0),
    'registry-slow': (strength) => this.#options.operations.degradeRegistry('registry-slow', strength),
    'registry-loss': (strength) => this.#options.operations.degradeRegistry('registry-loss', strength),
    'registry-cut': () => this.#options.operations.degradeRegistry('registry-cut', 0),
    'write-fails': () => this.#options.operations.degradeRegistry('write-fails', 0),
    'registry-empty': () => {
      this.#options.mark('fault:registry-empty');
      return this.#options.operations.clearService(this.#options.random.one(this.#options.services));
    },
    redefine: () => {
      this.#options.mark('fault:redefine');
      return this.#options.operations.redefine(this.#options.random.one(this.#options.services));
    },
    takeover: () => {
      const old = this.#pickReplica();
      return old && this.#options.operations.takeOver(old);
    },
    'wall-jump': () => {
      const { random, clocks, mark, log } = this.#options;
      const clerk = random.one(clocks());
      const ms = random.one([-3_600_000, 3_600_000, -500, 500]);
      clerk.wallOffsetMs += ms;
      clerk.wallShifted = true;
      mark('fault:wall-jump');
      log(`wall clock of ${clerk.id} is shifted by ${ms}`);
      return undefined;
    },
  };

  #pickReplica(): Replica | undefined {
    const { random, replicas, services } = this.#options;
    const targets = replicas
      .of(random.one(services))
      .filter(({ isProtected, ended }) => !isProtected && !ended);
    return targets.length === 0 ? undefined : random.one(targets);
  }

  #impair(
    kind: FaultKind,
    how: keyof Replica['impairments'],
  ): (Undo & { readonly replica: Replica }) | undefined {
    const replica = this.#pickReplica();
    if (replica === undefined) return undefined;
    this.#options.mark(`fault:${kind}`);
    this.#options.replicas.impair(replica, how);
    return Object.assign(() => this.#options.replicas.restore(replica, how), { replica });
  }

  #alter(begin: (replica: Replica) => void, end: (replica: Replica) => void): (() => void) | undefined {
    const replica = this.#pickReplica();
    if (replica === undefined) return undefined;
    begin(replica);
    this.#options.log(
      `${replica.id} slow ${replica.slowMs} status ${replica.status} retry-after ${replica.retryAfter}`,
    );
    return () => end(replica);
  }

  /** Replaces an instance by another one, at the same address or a new one. */
  #replace(kind: FaultKind, isKilled: boolean, isSameAddress: boolean): undefined {
    const { operations, mark } = this.#options;
    const old = this.#pickReplica();
    if (old === undefined) return undefined;
    mark(`fault:${kind}`);
    operations.replace(old, isKilled, isSameAddress);
    return undefined;
  }

  #scale(): undefined {
    const { operations, replicas, random, services, mark } = this.#options;
    mark('fault:scale');
    const service = random.one(services);
    const running = replicas.of(service).filter(({ ended }) => !ended);
    const target = random.one([...running, undefined]);
    const others = running.filter((replica) => replica !== target && !replica.leaving);
    if (target && others.length > 0 && !target.isProtected && random.chance(0.5)) operations.remove(target);
    else if (running.length < 12) operations.add(service, random.between(1, 20));
    return undefined;
  }
}

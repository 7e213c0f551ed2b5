/** What goes wrong in a world: brings the faults of its swarm, and takes them away again. */
import type { FakeRuntime, MemoryRequest, ServerReply } from 'binding-clerk/testing';
import type { RandomStream } from './random-stream.js';
import type { FaultKind, CoverageMark } from './coverage.js';
import type { Operations, Undo } from './operations.js';
import type { Replica, Replicas } from './replicas.js';
import type { FaultMix } from './fault-mix.js';

/** A wall clock that may jump. */
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

/** Brings the faults of a swarm into a world, until it is healed. */
export class FaultInjector {
  readonly #options: FaultInjectorOptions;
  readonly #undo = new Set<() => void>();
  #isHealed = false;
  /** Clerks whose requests are lost. */
  readonly #cutOff = new Set<string>();
  #delayMs = 0;

  constructor(options: FaultInjectorOptions) {
    this.#options = options;
    options.replicas.replyRule = (replica, request) => this.#decide(replica, request);
  }

  /** From now on things go wrong. */
  begin(): void {
    for (const [kind, strength] of this.#options.mix) this.#schedule(kind, strength);
  }

  /** Whether somebody's messages are lost, all of them. */
  isCutOff(clientId: string): boolean {
    return this.#cutOff.has(clientId);
  }

  /** Extra time for one message, in ms. */
  messageDelayMs(): number {
    const { random, mark } = this.#options;
    if (this.#delayMs === 0) return 0;
    mark('fault:delay');
    return random.uniform() * this.#delayMs;
  }

  /** What a talk of the program's own meets at a replica. */
  replyFor(replica: Replica, clerk: string): ServerReply {
    return this.#options.replicas.reply(replica, {
      address: replica.address,
      path: '/',
      method: 'TALK',
      headers: { 'x-call-id': `${clerk}-talk` },
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

  /** Once more a little trouble, when everybody is at rest. */
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
      // Squared: mostly rare, sometimes three in five.
      if (strength === undefined || !random.chance(0.02 + 0.6 * strength ** 2)) continue;
      mark(`fault:${kind}`);
      return { behavior: fate, ...(fate === 'truncate' ? { bodyDelayMs: random.between(0, 20) } : {}) };
    }
    return {};
  }

  /** Faults that come and go: a Poisson process of episodes. */
  #schedule(kind: FaultKind, strength: number): void {
    const { runtime, random } = this.#options;
    const begin = this.#episodes[kind];
    if (begin === undefined) return;
    const meanMs = 4_000 - 3_500 * strength;
    const next = (): void => {
      if (this.#isHealed) return;
      const undo = begin(strength);
      // Some stay until all is healed: nobody may count on a fault to pass.
      // Answers that say "failed" must come for a while before anybody is set aside for them.
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
      return this.#alter(
        (replica) => (replica.status = status),
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
      this.#options.log(`cut off ${id}`);
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
      log(`wall clock of ${clerk.id} jumps by ${ms}`);
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

  /** One instance ends and another takes its place, at its address or elsewhere. */
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

/** What goes wrong in a world: brings the faults of its swarm, and takes them away again. */
import type { FakeRuntime, MemoryRequest, Treatment } from 'binding-clerk/testing';
import type { Dice } from './dice.js';
import type { FaultKind, Mark } from './marks.js';
import type { Changes, Undo } from './changes.js';
import type { Replica, Replicas } from './replicas.js';
import type { Swarm } from './swarm.js';

/** A wall clock that may jump. */
export interface WallClock {
  readonly id: string;
  wallAheadMs: number;
  jumped?: boolean;
}

export interface FaultsOptions {
  readonly runtime: FakeRuntime;
  readonly random: Dice;
  readonly swarm: Swarm;
  readonly replicas: Replicas;
  readonly changes: Changes;
  readonly services: readonly string[];
  readonly clerks: readonly WallClock[];
  readonly clocks: () => readonly WallClock[];
  readonly mark: (mark: Mark) => void;
  readonly log: (line: string) => void;
}

/** Brings the faults of a swarm into a world, until it is healed. */
export class Faults {
  readonly #options: FaultsOptions;
  readonly #undo = new Set<() => void>();
  #over = false;
  /** Clerks whose requests are lost. */
  readonly #cutOff = new Set<string>();
  #delayMs = 0;

  constructor(options: FaultsOptions) {
    this.#options = options;
    options.replicas.judge = (replica, request) => this.#judge(replica, request);
  }

  /** From now on things go wrong. */
  begin(): void {
    for (const [kind, strength] of this.#options.swarm) this.#plan(kind, strength);
  }

  /** Whether somebody's messages are lost, all of them. */
  isCutOff(who: string): boolean {
    return this.#cutOff.has(who);
  }

  /** Extra time for one message, in ms. */
  messageDelayMs(): number {
    const { random, mark } = this.#options;
    if (this.#delayMs === 0) return 0;
    mark('fault:delay');
    return random.unit() * this.#delayMs;
  }

  /** What a talk of the program's own meets at a replica. */
  fateOf(replica: Replica, clerk: string): Treatment {
    return this.#options.replicas.treat(replica, {
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
    const { replicas, changes } = this.#options;
    this.#over = true;
    for (const undo of [...this.#undo]) undo();
    this.#cutOff.clear();
    this.#delayMs = 0;
    changes.heal();
    replicas.heal();
  }

  /** Once more a little trouble, when everybody is at rest. */
  aftershock(): void {
    const { replicas, random } = this.#options;
    replicas.judge = () => (random.chance(0.6) ? { fate: 'reset-before' } : {});
  }

  #judge(replica: Replica, request: MemoryRequest): Treatment {
    const { random, swarm, mark } = this.#options;
    if (this.#over) return {};
    const clerk = request.headers['x-call-id']?.split('-')[0] ?? '';
    if (this.#cutOff.has(clerk)) {
      mark('fault:cut-off');
      return { fate: 'hang' };
    }
    if (replica.slowMs > 0) mark('fault:slow-replica');
    if (replica.status !== undefined)
      mark(replica.retryAfter === undefined ? 'fault:status' : 'fault:retry-after');
    const fates = [
      ['lose-request', 'hang'],
      ['lose-reply', 'drop-reply'],
      ['reset-before', 'reset-before'],
      ['reset-after', 'reset-after'],
      ['truncate', 'truncate'],
      ['refuse-stream', 'refuse-stream'],
    ] as const;
    for (const [kind, fate] of fates) {
      const strength = swarm.get(kind);
      // Squared: mostly rare, sometimes three in five.
      if (strength === undefined || !random.chance(0.02 + 0.6 * strength ** 2)) continue;
      mark(`fault:${kind}`);
      return { fate, ...(fate === 'truncate' ? { bodyDelayMs: random.between(0, 20) } : {}) };
    }
    return {};
  }

  /** Faults that come and go: a Poisson process of episodes. */
  #plan(kind: FaultKind, strength: number): void {
    const { runtime, random } = this.#options;
    const begin = this.#episodes[kind];
    if (begin === undefined) return;
    const meanMs = 4_000 - 3_500 * strength;
    const next = (): void => {
      if (this.#over) return;
      const undo = begin(strength);
      // Some stay until all is healed: nobody may count on a fault to pass.
      // Answers that say "failed" must come for a while before anybody is set aside for them.
      const lasting = kind === 'status' ? 0.5 : 0.1;
      const ms = random.chance(lasting) ? Infinity : random.between(20, 200 + 4_000 * strength ** 2);
      if (undo) this.#during(ms, undo);
      runtime.setTimer(next, -Math.log(1 - random.unit()) * meanMs);
    };
    runtime.setTimer(next, random.unit() * meanMs);
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
    'connect-stall': () => this.#holding('connect-stall', 'stalled'),
    refuse: () => this.#holding('refuse', 'refusing'),
    pause: () => this.#holding('pause', 'paused'),
    kill: () => {
      const undo = this.#holding('kill', 'down');
      return undo && (() => this.#options.changes.revive(undo.replica));
    },
    'slow-replica': (strength) =>
      this.#changing(
        (replica) => (replica.slowMs = 2_000 * strength),
        (replica) => (replica.slowMs = 0),
      ),
    status: () => {
      const status = this.#options.random.one([500, 502, 503, 503, 504, 501, 404]);
      return this.#changing(
        (replica) => (replica.status = status),
        (replica) => (replica.status = undefined),
      );
    },
    'retry-after': () => {
      const status = this.#options.random.one([429, 503]);
      const seconds = this.#options.random.one([0, 1, 1, 2, 30]);
      return this.#changing(
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
    relink: () => this.#options.changes.relink(),
    'registry-down': () => this.#options.changes.trouble('registry-down', 0),
    'registry-hang': () => this.#options.changes.trouble('registry-hang', 0),
    'registry-lie': () => this.#options.changes.trouble('registry-lie', 0),
    'watch-break': () => this.#options.changes.trouble('watch-break', 0),
    'registry-slow': (strength) => this.#options.changes.trouble('registry-slow', strength),
    'registry-loss': (strength) => this.#options.changes.trouble('registry-loss', strength),
    'registry-cut': () => this.#options.changes.trouble('registry-cut', 0),
    'write-fails': () => this.#options.changes.trouble('write-fails', 0),
    'registry-empty': () => {
      this.#options.mark('fault:registry-empty');
      return this.#options.changes.empty(this.#options.random.one(this.#options.services));
    },
    redefine: () => {
      this.#options.mark('fault:redefine');
      return this.#options.changes.redefine(this.#options.random.one(this.#options.services));
    },
    takeover: () => {
      const old = this.#target();
      return old && this.#options.changes.takeOver(old);
    },
    'wall-jump': () => {
      const { random, clocks, mark, log } = this.#options;
      const clerk = random.one(clocks());
      const ms = random.one([-3_600_000, 3_600_000, -500, 500]);
      clerk.wallAheadMs += ms;
      clerk.jumped = true;
      mark('fault:wall-jump');
      log(`wall clock of ${clerk.id} jumps by ${ms}`);
      return undefined;
    },
  };

  #target(): Replica | undefined {
    const { random, replicas, services } = this.#options;
    const targets = replicas.of(random.one(services)).filter(({ sheltered, ended }) => !sheltered && !ended);
    return targets.length === 0 ? undefined : random.one(targets);
  }

  #holding(kind: FaultKind, how: keyof Replica['held']): (Undo & { readonly replica: Replica }) | undefined {
    const replica = this.#target();
    if (replica === undefined) return undefined;
    this.#options.mark(`fault:${kind}`);
    this.#options.replicas.hold(replica, how);
    return Object.assign(() => this.#options.replicas.free(replica, how), { replica });
  }

  #changing(begin: (replica: Replica) => void, end: (replica: Replica) => void): (() => void) | undefined {
    const replica = this.#target();
    if (replica === undefined) return undefined;
    begin(replica);
    this.#options.log(
      `${replica.id} slow ${replica.slowMs} status ${replica.status} retry-after ${replica.retryAfter}`,
    );
    return () => end(replica);
  }

  /** One instance ends and another takes its place, at its address or elsewhere. */
  #replace(kind: FaultKind, isKilled: boolean, isSameAddress: boolean): undefined {
    const { changes, mark } = this.#options;
    const old = this.#target();
    if (old === undefined) return undefined;
    mark(`fault:${kind}`);
    changes.replace(old, isKilled, isSameAddress);
    return undefined;
  }

  #scale(): undefined {
    const { changes, replicas, random, services, mark } = this.#options;
    mark('fault:scale');
    const service = random.one(services);
    const running = replicas.of(service).filter(({ ended }) => !ended);
    const target = random.one([...running, undefined]);
    const others = running.filter((replica) => replica !== target && !replica.leaving);
    if (target && others.length > 0 && !target.sheltered && random.chance(0.5)) changes.remove(target);
    else if (running.length < 12) changes.add(service, random.between(1, 20));
    return undefined;
  }
}

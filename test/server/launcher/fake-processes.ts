import type { Address } from '../../../src/core/address.js';
import type {
  ListenerState,
  TerminationSignal,
  ProcessExit,
  SpawnOptions,
  Processes,
  SpawnedProcess,
} from '../../../src/core/processes.js';
import type { LaunchHandshake } from '../../../src/protocol/launch-messages.js';

/** A fake process with its group. */
export class FakeProcess {
  readonly handshake: LaunchHandshake;
  readonly envMarker: string;
  readonly signals: TerminationSignal[] = [];
  /** Number of children in the group, and of children that have left it. */
  children = 0;
  detachedChildren = 0;
  /** Whether it and its children survive SIGTERM. */
  ignoresSigterm = false;
  logTail = '';
  isStopped = false;
  /** Whether it answers no connection. */
  isSilent = false;
  isAlive = true;
  readonly address: string;
  #exit: (exit: ProcessExit) => void = () => {};
  readonly exited = new Promise<ProcessExit>((resolve) => (this.#exit = resolve));

  constructor(
    readonly pid: number,
    readonly options: SpawnOptions,
  ) {
    this.address = `http://127.0.0.1:${String(3_000 + pid)}`;
    this.handshake = JSON.parse(options.stdin) as LaunchHandshake;
    this.envMarker = `CLERK_OWNER=${options.env['CLERK_OWNER'] ?? ''}`;
  }

  exit(code: number | null, signal: string | null = null): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.#exit({ code, signal });
  }

  /** The process dies, but its parent is notified only by the returned function. */
  exitBeforeNotice(): () => void {
    this.isAlive = false;
    return () => this.#exit({ code: null, signal: 'SIGKILL' });
  }

  receive(signal: TerminationSignal): void {
    if (this.isAlive || this.children > 0 || this.detachedChildren > 0) this.signals.push(signal);
    if (signal === 'SIGTERM' && this.ignoresSigterm) return;
    this.children = this.detachedChildren = 0;
    this.exit(null, signal);
  }
}

/** The processes of a fake host. */
export class FakeProcesses implements Processes {
  isInit = false;
  readonly all: FakeProcess[] = [];
  /** Called for each spawned process; may throw to fail the spawn. */
  onSpawn: (process: FakeProcess) => void = () => {};
  /** Part of each process identity; changes with a reboot. */
  boot = 'boot';
  nextPid = 100;
  /** Listeners of endpoints that the launcher did not start, by address. */
  readonly listeners = new Map<string, ListenerState>();
  /** Addresses that were connected to, in order. */
  readonly probed: string[] = [];
  readonly variables: Record<string, string> = { SECRET: 'not for services', LANG: 'C' };

  async spawn(order: SpawnOptions): Promise<SpawnedProcess> {
    const process = new FakeProcess(this.nextPid++, order);
    this.onSpawn(process);
    this.all.push(process);
    return {
      pid: process.pid,
      identity: this.identityOf(process.pid),
      exited: process.exited,
      logTail: async () => process.logTail,
    };
  }

  identityOf(pid: number): string | undefined {
    const process = this.all.findLast((each) => each.pid === pid && each.isAlive);
    return process && `${String(this.all.indexOf(process))}@${this.boot}`;
  }

  isStopped(pid: number): boolean {
    return this.all.findLast((each) => each.pid === pid)?.isStopped === true;
  }

  async listenerState({ text }: Address): Promise<ListenerState> {
    return this.listeners.get(text) ?? 'unknown';
  }

  /** Numbers of connections that wait at the addresses of `listeners`. */
  readonly waiting = new Map<string, number>();

  async waitingConnections({ text }: Address): Promise<number> {
    return this.waiting.get(text) ?? 0;
  }

  async probe({ text }: Address, signal: AbortSignal): Promise<'answered' | 'silent' | 'unknown'> {
    this.probed.push(text);
    const owner = this.all.findLast((each) => each.address === text);
    if (owner?.isSilent !== true) return 'answered';
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return 'silent';
  }

  async rotateLog(): Promise<'kept'> {
    return 'kept';
  }

  async findGroupLeader(mark: string): Promise<number | undefined> {
    return this.all.find((each) => each.envMarker === mark && each.isAlive)?.pid;
  }

  async isAlive(group: number | undefined, mark: string): Promise<boolean> {
    return this.#matching(group, mark).some(
      (each) => each.isAlive || each.children > 0 || each.detachedChildren > 0,
    );
  }

  async signal(group: number | undefined, mark: string, signal: TerminationSignal): Promise<void> {
    for (const process of this.#matching(group, mark)) process.receive(signal);
  }

  env(name: string): string | undefined {
    return this.variables[name];
  }

  get alive(): number {
    return this.all.filter((each) => each.isAlive || each.children > 0 || each.detachedChildren > 0).length;
  }

  #matching(group: number | undefined, mark: string): FakeProcess[] {
    return this.all.filter((each) => each.pid === group || each.envMarker === mark);
  }
}

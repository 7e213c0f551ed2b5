import type {
  ListenerState,
  ProcessExit,
  SpawnOptions,
  Processes,
  SpawnedProcess,
} from '../../../src/core/processes.js';
import type { LaunchHandshake } from '../../../src/protocol/launch-messages.js';
import type { Address } from '../../../src/core/address.js';
import type { CoverageMark } from '../coverage.js';
import type { Replicas } from '../replicas.js';
import type { LaunchChecker } from './launch-checker.js';
import type { ServerChecker } from './server-checker.js';
import type { SimulatedProcess } from './simulated-process.js';

/** A running program. */
export interface RunningProgram {
  /** Sends a signal. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void;
  isStopped(): boolean;
}

/** Starts a program; calls back once when it has ended. */
export type StartProgram = (
  order: SpawnOptions,
  line: LaunchHandshake,
  onEnd: (exit: ProcessExit) => void,
) => RunningProgram;

interface LaunchedProcess {
  readonly pid: number;
  readonly envMarker: string;
  readonly line: LaunchHandshake;
  /** The data folder whose registry has started it. */
  readonly folder: object;
  readonly program: RunningProgram;
  readonly listeners: ((exit: ProcessExit) => void)[];
  exit: ProcessExit | undefined;
  /** The registry has lost its launch record. */
  isForgotten: boolean;
}

export interface LaunchedProcessesOptions {
  readonly checker: ServerChecker;
  readonly begin: StartProgram;
  readonly replicas: Replicas;
  readonly launches: LaunchChecker;
  readonly maxInstances: number;
  readonly mark: (mark: CoverageMark) => void;
  readonly violate: (clause: string, what: string) => void;
  readonly log: (line: string) => void;
}

/**
 * The programs that the server's launcher starts. They outlive the server. Checks that an epoch is started once, and that a
 * service is not started while it has a live process.
 *
 * @see [C6.1](../../../docs/guarantees.md#c6-1), [C6.2](../../../docs/guarantees.md#c6-2)
 */
export class LaunchedProcesses {
  readonly #options: LaunchedProcessesOptions;
  readonly #all: LaunchedProcess[] = [];
  #numbers = new Set<string>();
  #folder: object = {};

  constructor(options: LaunchedProcessesOptions) {
    this.#options = options;
  }

  /**
   * An older copy has replaced the data of the registry.
   *
   * @param isOtherFolder - whether the registry owns no earlier process
   * @param isRecorded - whether the copy has the launch record of an instance
   */
  restored(isOtherFolder: boolean, isRecorded: (name: string, instance: string) => boolean): void {
    if (isOtherFolder) this.#folder = {};
    for (const each of this.#all)
      each.isForgotten ||= isOtherFolder || !isRecorded(each.line.name, each.line.instance);
    // Epochs that the lost history has assigned may be assigned again until the loss is noticed.
    this.#numbers = new Set();
  }

  /** The process port of one server instance. */
  of(observer: SimulatedProcess, folder = this.#folder): Processes {
    const concerned = (group: number | undefined, mark: string): readonly LaunchedProcess[] =>
      this.#all.filter((each) => each.pid === group || each.envMarker === mark);
    return {
      spawn: async (order) => this.#spawn(order, observer, folder),
      identityOf: (pid) => this.#identityOf(pid),
      isInit: false,
      isStopped: (pid) =>
        this.#all.some((each) => each.pid === pid && each.exit === undefined && each.program.isStopped()),
      listenerState: async (address) => this.#listenerState(address),
      waitingConnections: async () => 0,
      probe: (address, signal) => this.#probe(address, signal),
      rotateLog: async () => 'kept',
      findGroupLeader: async (mark) =>
        this.#all.find((each) => each.envMarker === mark && each.exit === undefined)?.pid,
      isAlive: async (group, mark) => concerned(group, mark).some(({ exit }) => exit === undefined),
      signal: async (group, mark, signal) => {
        for (const each of concerned(group, mark)) {
          if (each.exit !== undefined) continue;
          if (each.folder !== folder)
            this.#options.violate(
              'C6.7',
              `the registry of another folder sends ${signal} to process ${each.pid}`,
            );
          each.program.signal(signal);
        }
      },
      env: () => undefined,
    };
  }

  #identityOf(pid: number): string | undefined {
    const found = this.#all.find((each) => each.pid === pid && each.exit === undefined);
    return found && `${String(pid)}@world`;
  }

  #listenerState({ text }: Address): ListenerState {
    const { replicas } = this.#options;
    const impairments = replicas.at(text)?.impairments;
    if (impairments === undefined) return 'unknown';
    if (impairments.down + impairments.refusing > 0) return 'none';
    return impairments.paused > 0 ? 'stopped' : 'listening';
  }

  #probe({ text }: Address, signal: AbortSignal): ReturnType<Processes['probe']> {
    const impairments = this.#options.replicas.at(text)?.impairments;
    if (impairments === undefined) return Promise.resolve('unknown');
    if (impairments.paused + impairments.stalled === 0) return Promise.resolve('answered');
    if (signal.aborted) return Promise.resolve('silent');
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve('silent')));
  }

  #spawn(order: SpawnOptions, observer: SimulatedProcess, folder: object): SpawnedProcess {
    const { begin, mark, log } = this.#options;
    const line = JSON.parse(order.stdin) as LaunchHandshake;
    this.#checkAlone(line);
    const pid = 100 + this.#all.length;
    log(`process ${pid} is started for ${line.name}, epoch ${line.epoch}`);
    mark('launched');
    const listeners: LaunchedProcess['listeners'] = [];
    const process: LaunchedProcess = {
      pid,
      envMarker: `CLERK_OWNER=${order.env['CLERK_OWNER'] ?? ''}`,
      line,
      folder,
      listeners,
      exit: undefined,
      isForgotten: false,
      program: begin(order, line, (exit) => {
        log(`process ${pid} has ended`);
        process.exit = exit;
        for (const listener of listeners.splice(0)) listener(exit);
      }),
    };
    this.#all.push(process);
    return {
      pid,
      identity: this.#identityOf(pid),
      exited: new Promise((resolve) => listeners.push((exit) => observer.deliver(() => resolve(exit)))),
      logTail: async () => '',
    };
  }

  #checkAlone({ name, epoch }: LaunchHandshake): void {
    const { violate, checker, launches, maxInstances } = this.#options;
    const number = `${name} ${epoch}`;
    if (this.#numbers.has(number)) violate('C6.1', `${name} is started twice with the epoch ${epoch}`);
    this.#numbers.add(number);
    // A new instance is started beside the one that it replaces.
    if (launches.isResetting) return;
    for (const { line, exit, pid, isForgotten } of this.#all) {
      if (line.name !== name || exit !== undefined || isForgotten) continue;
      if (maxInstances === 1 || !launches.hasStarted(line.instance))
        violate('C6.1', `${name} is started although process ${pid} of it is alive`);
      const is = checker.stored.endpoints.get(name)?.get(line.instance);
      if (is?.draining === false)
        violate('C6.1', `${name} is started although ${line.instance} is registered and alive`);
    }
  }
}

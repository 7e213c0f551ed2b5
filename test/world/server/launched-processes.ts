import type { ProcessExit, SpawnOptions, Processes, SpawnedProcess } from '../../../src/core/processes.js';
import type { LaunchHandshake } from '../../../src/protocol/messages.js';
import type { CoverageMark } from '../coverage.js';
import type { ServerChecker } from './server-checker.js';
import type { SimulatedProcess } from './simulated-process.js';

/** A running program. */
export interface RunningProgram {
  /** Sends a signal. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void;
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
  readonly program: RunningProgram;
  readonly listeners: ((exit: ProcessExit) => void)[];
  exit: ProcessExit | undefined;
}

export interface LaunchedProcessesOptions {
  readonly checker: ServerChecker;
  readonly begin: StartProgram;
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
  readonly #numbers = new Set<string>();

  constructor(options: LaunchedProcessesOptions) {
    this.#options = options;
  }

  /** The process port of one server instance. */
  of(observer: SimulatedProcess): Processes {
    const concerned = (group: number | undefined, mark: string): readonly LaunchedProcess[] =>
      this.#all.filter((each) => each.pid === group || each.envMarker === mark);
    return {
      spawn: async (order) => this.#spawn(order, observer),
      identityOf: (pid) => this.#identityOf(pid),
      isInit: false,
      isStopped: () => false,
      listenerState: async () => 'unknown',
      waitingConnections: async () => 0,
      probe: async () => 'answered',
      limitLog: async () => 'kept',
      findGroupLeader: async (mark) =>
        this.#all.find((each) => each.envMarker === mark && each.exit === undefined)?.pid,
      isAlive: async (group, mark) => concerned(group, mark).some(({ exit }) => exit === undefined),
      signal: async (group, mark, signal) => {
        for (const each of concerned(group, mark)) if (each.exit === undefined) each.program.signal(signal);
      },
      env: () => undefined,
    };
  }

  #identityOf(pid: number): string | undefined {
    const found = this.#all.find((each) => each.pid === pid && each.exit === undefined);
    return found && `${String(pid)}@world`;
  }

  #spawn(order: SpawnOptions, observer: SimulatedProcess): SpawnedProcess {
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
      listeners,
      exit: undefined,
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
    const { violate, checker } = this.#options;
    const number = `${name} ${epoch}`;
    if (this.#numbers.has(number)) violate('C6.1', `${name} is started twice with the epoch ${epoch}`);
    this.#numbers.add(number);
    for (const { line, exit, pid } of this.#all) {
      if (line.name !== name || exit !== undefined) continue;
      violate('C6.1', `${name} is started although process ${pid} of it is alive`);
      const is = checker.stored.endpoints.get(name)?.get(line.instance);
      if (is?.draining === false)
        violate('C6.1', `${name} is started although ${line.instance} is registered and alive`);
    }
  }
}

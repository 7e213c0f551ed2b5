/**
 * The programs that the server's launcher starts in a world. They outlive the server, know nothing of one another, and
 * are counted: never two for one number, never one beside another that can be called.
 *
 * @see promises C6.1, C6.2
 */
import type { ProcessExit, ProcessOrder, Processes, SpawnedProcess } from '../../../src/core/processes.js';
import type { LaunchLine } from '../../../src/wire/messages.js';
import type { Mark } from '../marks.js';
import type { Ledger } from './ledger.js';
import type { Machine } from './machine.js';

/** A program that was started. */
export interface Started {
  /** Tells it to end, or ends it. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void;
}

/** Begins a program; calls back once when it has ended. */
export type Begin = (order: ProcessOrder, line: LaunchLine, onEnd: (exit: ProcessExit) => void) => Started;

interface WorldProcess {
  readonly pid: number;
  readonly mark: string;
  readonly line: LaunchLine;
  readonly program: Started;
  readonly listeners: ((exit: ProcessExit) => void)[];
  exit: ProcessExit | undefined;
}

export interface WorldProcessesOptions {
  readonly ledger: Ledger;
  readonly begin: Begin;
  readonly mark: (mark: Mark) => void;
  readonly violate: (promise: string, what: string) => void;
  readonly log: (line: string) => void;
}

export class WorldProcesses {
  readonly #options: WorldProcessesOptions;
  readonly #all: WorldProcess[] = [];
  readonly #numbers = new Set<string>();

  constructor(options: WorldProcessesOptions) {
    this.#options = options;
  }

  /** As one life of the server sees them. */
  of(machine: Machine): Processes {
    const concerned = (group: number | undefined, mark: string): readonly WorldProcess[] =>
      this.#all.filter((each) => each.pid === group || each.mark === mark);
    return {
      spawn: async (order) => this.#spawn(order, machine),
      identityOf: (pid) => this.#identityOf(pid),
      find: async (mark) => this.#all.find((each) => each.mark === mark && each.exit === undefined)?.pid,
      isAlive: async (group, mark) => concerned(group, mark).some(({ exit }) => exit === undefined),
      signal: async (group, mark, signal) => {
        for (const each of concerned(group, mark)) if (each.exit === undefined) each.program.signal(signal);
      },
      environment: () => undefined,
    };
  }

  #identityOf(pid: number): string | undefined {
    const found = this.#all.find((each) => each.pid === pid && each.exit === undefined);
    return found && `${String(pid)}@world`;
  }

  #spawn(order: ProcessOrder, machine: Machine): SpawnedProcess {
    const { begin, mark, log } = this.#options;
    const line = JSON.parse(order.input) as LaunchLine;
    this.#checkAlone(line);
    const pid = 100 + this.#all.length;
    log(`process ${pid} is started for ${line.name}, epoch ${line.epoch}`);
    mark('launched');
    const listeners: WorldProcess['listeners'] = [];
    const process: WorldProcess = {
      pid,
      mark: `CLERK_INSTANCE=${order.env['CLERK_INSTANCE'] ?? ''}`,
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
      exited: new Promise((resolve) => listeners.push((exit) => machine.deliver(() => resolve(exit)))),
      lastWords: async () => '',
    };
  }

  #checkAlone({ name, epoch }: LaunchLine): void {
    const { violate, ledger } = this.#options;
    const number = `${name} ${epoch}`;
    if (this.#numbers.has(number)) violate('C6.1', `${name} is started twice with the epoch ${epoch}`);
    this.#numbers.add(number);
    for (const { line, exit, pid } of this.#all) {
      if (line.name !== name || exit !== undefined) continue;
      violate('C6.1', `${name} is started although process ${pid} of it lives`);
      const is = ledger.picture.endpoints.get(name)?.get(line.instance);
      if (is?.draining === false)
        violate('C6.1', `${name} is started although ${line.instance} is registered and lives`);
    }
  }
}

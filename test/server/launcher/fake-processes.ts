/** A host in virtual time: processes that do what a test says, with children that may stay or leave the group. */
import type {
  EndSignal,
  ProcessExit,
  ProcessOrder,
  Processes,
  SpawnedProcess,
} from '../../../src/core/processes.js';
import type { LaunchLine } from '../../../src/wire/messages.js';

/** One process group. */
export class FakeProcess {
  readonly line: LaunchLine;
  readonly mark: string;
  readonly signals: EndSignal[] = [];
  /** Children in the group, and such that have left it. */
  children = 0;
  strays = 0;
  /** Whether SIGTERM ends it, and its children. */
  isStubborn = false;
  words = '';
  isAlive = true;
  #exit: (exit: ProcessExit) => void = () => {};
  readonly exited = new Promise<ProcessExit>((resolve) => (this.#exit = resolve));

  constructor(
    readonly pid: number,
    readonly order: ProcessOrder,
  ) {
    this.line = JSON.parse(order.input) as LaunchLine;
    this.mark = `CLERK_INSTANCE=${order.env['CLERK_INSTANCE'] ?? ''}`;
  }

  exit(code: number | null, signal: string | null = null): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.#exit({ code, signal });
  }

  /** It dies, and its parent has not been told yet; it is with the function returned. */
  exitUnnoticed(): () => void {
    this.isAlive = false;
    return () => this.#exit({ code: null, signal: 'SIGKILL' });
  }

  signalled(signal: EndSignal): void {
    if (this.isAlive || this.children > 0 || this.strays > 0) this.signals.push(signal);
    if (signal === 'SIGTERM' && this.isStubborn) return;
    this.children = this.strays = 0;
    this.exit(null, signal);
  }
}

/** The host. */
export class FakeProcesses implements Processes {
  readonly all: FakeProcess[] = [];
  /** What a program does when it is started; throwing means that it cannot be. */
  behaves: (process: FakeProcess) => void = () => {};
  /** What identities are made of; changes with a reboot. */
  boot = 'boot';
  nextPid = 100;
  readonly variables: Record<string, string> = { SECRET: 'not for services', LANG: 'C' };

  async spawn(order: ProcessOrder): Promise<SpawnedProcess> {
    const process = new FakeProcess(this.nextPid++, order);
    this.behaves(process);
    this.all.push(process);
    return {
      pid: process.pid,
      identity: this.identityOf(process.pid),
      exited: process.exited,
      lastWords: async () => process.words,
    };
  }

  identityOf(pid: number): string | undefined {
    const process = this.all.findLast((each) => each.pid === pid && each.isAlive);
    return process && `${String(this.all.indexOf(process))}@${this.boot}`;
  }

  async find(mark: string): Promise<number | undefined> {
    return this.all.find((each) => each.mark === mark && each.isAlive)?.pid;
  }

  async isAlive(group: number | undefined, mark: string): Promise<boolean> {
    return this.#concerned(group, mark).some((each) => each.isAlive || each.children > 0 || each.strays > 0);
  }

  async signal(group: number | undefined, mark: string, signal: EndSignal): Promise<void> {
    for (const process of this.#concerned(group, mark)) process.signalled(signal);
  }

  environment(name: string): string | undefined {
    return this.variables[name];
  }

  get alive(): number {
    return this.all.filter((each) => each.isAlive || each.children > 0 || each.strays > 0).length;
  }

  #concerned(group: number | undefined, mark: string): FakeProcess[] {
    return this.all.filter((each) => each.pid === group || each.mark === mark);
  }
}

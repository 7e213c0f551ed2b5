/**
 * Programs in child processes. When the parent exits, for any reason, the children that it has started are killed,
 * and no other process.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A program in a child process. It keeps its port over restarts. */
export abstract class Program {
  readonly name: string;
  #port = 0;
  #starts = 0;
  #child: ChildProcess | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** The URL at which it listens; the same after each restart. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** File and arguments of the next start. Port 0 lets the system choose. */
  protected abstract command(port: number, start: number): readonly [file: string, ...args: string[]];

  /** Starts or restarts the program; resolves when it listens. */
  async start(): Promise<void> {
    const [file, ...args] = this.command(this.#port, ++this.#starts);
    const child = fork(file, args, {
      execArgv: ['--import', 'tsx'],
      stdio: 'inherit',
    });
    this.#child = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    const exited = once(child, 'exit').then(() => Promise.reject(new Error(`${this.name} did not start`)));
    const [message] = (await Promise.race([once(child, 'message'), exited])) as [{ readonly port: number }];
    exited.catch(() => undefined);
    this.#port = message.port;
  }

  /** SIGKILL: connections are reset, new ones refused. Resolves when the process has ended. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !running.has(child)) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** SIGSTOP: connections stay open, the kernel accepts new ones, and the process does not respond. */
  stop(): void {
    this.#child?.kill('SIGSTOP');
  }

  /** SIGCONT: the process continues. */
  resume(): void {
    this.#child?.kill('SIGCONT');
  }
}

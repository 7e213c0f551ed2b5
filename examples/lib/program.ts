/**
 * Programs in processes of their own. Each is known by its handle, and exactly those are ended: when all is over, when
 * something fails, and when it is interrupted.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A program in a process of its own, at one port for all its lives. */
export abstract class Program {
  readonly name: string;
  #port = 0;
  #lives = 0;
  #child: ChildProcess | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Where it listens, for all its lives. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** File and arguments, for the next life. Port 0 is any that is free. */
  protected abstract command(port: number, life: number): readonly [file: string, ...words: string[]];

  /** Starts it, the first time or again; resolves when it listens. */
  async start(): Promise<void> {
    const [file, ...words] = this.command(this.#port, ++this.#lives);
    const child = fork(file, words, {
      execArgv: ['--import', 'tsx'],
      stdio: 'inherit',
    });
    this.#child = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    const gone = once(child, 'exit').then(() => Promise.reject(new Error(`${this.name} did not start`)));
    const [message] = (await Promise.race([once(child, 'message'), gone])) as [{ readonly port: number }];
    gone.catch(() => undefined);
    this.#port = message.port;
  }

  /** SIGKILL: the connections break, new ones are refused. Resolves when the process is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !running.has(child)) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** SIGSTOP: the connections stand, the kernel accepts new ones, and nobody answers. */
  stop(): void {
    this.#child?.kill('SIGSTOP');
  }

  /** SIGCONT: it goes on where it was. */
  goOn(): void {
    this.#child?.kill('SIGCONT');
  }
}

/**
 * The replicas' processes. Each is known by its handle, and exactly those are ended: when the demo is over, when it
 * fails, and when it is interrupted.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('replica.mjs', import.meta.url));
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A server in a process of its own, at one port for all its lives. */
export class Replica {
  readonly name: string;
  #port = 0;
  #child: ChildProcess | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Name and address, as a registry wants them. */
  get endpoint(): { readonly id: string; readonly address: string } {
    return { id: this.name, address: `http://127.0.0.1:${this.#port}` };
  }

  /** Starts it, the first time or again; resolves when it listens. */
  async start(): Promise<void> {
    const child = fork(program, [this.name, String(this.#port)], { execArgv: [], stdio: 'inherit' });
    this.#child = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    const gone = once(child, 'exit').then(() =>
      Promise.reject(new Error(`Replica ${this.name} did not start`)),
    );
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

import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** A server process of an engine, which is ended by its id. */
export class EngineProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #output = '';

  constructor(path: string, args: readonly string[], options: SpawnOptions) {
    this.#child = spawn(path, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-20_000);
      });
    // A test that is ended in its setup does not call `end`.
    const kill = (): void => void this.#child.kill('SIGKILL');
    process.once('exit', kill);
    this.#ended = once(this.#child, 'exit')
      .catch(() => undefined)
      .finally(() => process.off('exit', kill));
  }

  /** The end of what the process has printed. */
  get output(): string {
    return this.#output;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends the process, also when it is paused. */
  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.hasEnded || this.#child.pid === undefined) return;
    this.#child.kill(signal);
    this.#child.kill('SIGCONT');
    await this.#ended;
  }
}

/** Ports of 127.0.0.1 that are free at present. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

/** Calls `check` until it resolves, for at most 60 s. */
export async function untilReady(engine: EngineProcess, check: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (engine.hasEnded || Date.now() > deadline)
        throw new Error(`The engine did not start: ${String(error)}\n${engine.output}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

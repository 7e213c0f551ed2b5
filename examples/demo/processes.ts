/** The replicas of the demo, and a way to kill a process that is not a child. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Program } from '../lib/program.js';

/** A replica of /shop/orders. Each start is an instance of its own: `a.1`, `a.2`. */
export class Replica extends Program {
  readonly #registry: Program;

  constructor(name: string, registry: Program) {
    super(name);
    this.#registry = registry;
  }

  protected override command(port: number, start: number): readonly [string, ...string[]] {
    return [
      fileURLToPath(new URL('replica.ts', import.meta.url)),
      this.name,
      String(port),
      `${this.name}.${start}`,
      this.#registry.url,
    ];
  }
}

/** Sends SIGKILL to a process that is not a child of this one. Resolves when it has ended. */
export async function endProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  for (let tries = 0; tries < 200; tries++) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await sleep(5);
  }
}

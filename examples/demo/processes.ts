/** The replicas of the demo, and the end of a process that somebody else started. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Program } from '../lib/program.js';

/** A replica of /shop/orders. Each life is an instance of its own: `a.1`, `a.2`. */
export class Replica extends Program {
  readonly #registry: Program;

  constructor(name: string, registry: Program) {
    super(name);
    this.#registry = registry;
  }

  protected override command(port: number, life: number): readonly [string, ...string[]] {
    return [
      fileURLToPath(new URL('replica.ts', import.meta.url)),
      this.name,
      String(port),
      `${this.name}.${life}`,
      this.#registry.url,
    ];
  }
}

/** SIGKILL to a process that is nobody's child here. Resolves when it is gone. */
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

/** A service that a registry can start, run by hand or by the launcher, with a fault of its process. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import type { Clerk } from 'binding-clerk';
import { startServer, type Server, type ServerOptions } from 'binding-clerk/server';

export interface ReportedProcess {
  readonly pid: number;
  readonly id: string;
  readonly epoch: number;
  /** Duration of the start of the program, in ms. */
  readonly startMs: number;
}

const program = fileURLToPath(new URL('programs/plain-service.mjs', import.meta.url));

export class ReplacedService {
  readonly name = '/shop/orders';
  readonly #report: string;
  readonly #folder: string;
  server!: Server;

  /**
   * @param folder - a private folder, removed by the caller after {@link close}
   * @param delay - time before the program starts, in seconds
   */
  constructor(folder: string, delay = 0) {
    this.#folder = folder;
    this.#report = join(folder, 'report');
    writeFileSync(this.#report, '');
    const manifest = [
      'version: 1',
      `service: ${this.name}`,
      // A shell belongs to root wherever Node is installed.
      'exec: /bin/sh',
      `args: ${JSON.stringify(['-c', `sleep ${String(delay)}; exec "$@"`, 'sh', process.execPath, program, this.#report])}`,
    ];
    writeFileSync(join(folder, 'orders.yaml'), manifest.join('\n'), { mode: 0o600 });
  }

  async serve(options: ServerOptions = {}): Promise<Server> {
    this.server = await startServer({ port: 0, manifests: this.#folder, ...options });
    return this.server;
  }

  /** The started processes, oldest first. */
  get processes(): readonly ReportedProcess[] {
    const lines = readFileSync(this.#report, 'utf8').split('\n');
    return lines.filter(Boolean).map((line) => JSON.parse(line) as ReportedProcess);
  }

  async post(path: string, body: object): Promise<{ readonly status: number; readonly body: any }> {
    const response = await fetch(`${this.server.url}/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  }

  async define(): Promise<void> {
    await this.post('define', { name: this.name, launch: { manifest: 'orders' } });
  }

  /** Starts the first process of the service. */
  async start(how: 'launched' | 'by-hand'): Promise<ReportedProcess> {
    await this.define();
    const before = this.processes.length;
    if (how === 'launched') await this.post('launch', { name: this.name });
    else
      spawn(process.execPath, [program, this.#report, this.server.url, this.name], {
        stdio: 'ignore',
      });
    while (this.processes.length === before) await new Promise((resolve) => setTimeout(resolve, 10));
    return this.processes.at(-1) as ReportedProcess;
  }

  /** Ends all processes. */
  async close(): Promise<void> {
    await this.server.close();
    for (const { pid } of this.processes) killNow(pid, 'SIGKILL');
  }
}

export function killNow(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Already ended.
  }
}

/** Whether a process runs; a zombie does not. */
export function isRunning(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${String(pid)}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

export interface Replacement {
  /** Time from the first call that met the fault to the first answer of the new process, in ms. */
  readonly firstAnswerMs: number;
  readonly failures: readonly unknown[];
  readonly calls: number;
}

/**
 * Calls a service at a steady rate while `fault` is applied to its process, until `minCalls` calls were answered by
 * another process.
 *
 * @param method - a POST is of kind `once`
 */
export async function measureReplacement(
  clerks: readonly Clerk[],
  service: ReplacedService,
  { callsPerSecond, method = 'GET' }: { readonly callsPerSecond: number; readonly method?: 'GET' | 'POST' },
  fault: (pid: number) => void,
): Promise<Replacement> {
  const failures: unknown[] = [];
  const pending = new Set<Promise<void>>();
  const [first] = service.processes.slice(-1);
  let faultAt = Infinity;
  let metAt = Infinity;
  let firstAnswerAt = Infinity;
  let calls = 0;
  const call = async (clerk: Clerk): Promise<void> => {
    const calledAt = performance.now();
    calls++;
    if (calledAt >= faultAt) metAt = Math.min(metAt, calledAt);
    try {
      const { pid } = await clerk
        .bind(service.name)
        .json<{ pid: number }>('/', { method, timeoutMs: 10_000 });
      if (pid !== first?.pid) firstAnswerAt = Math.min(firstAnswerAt, performance.now());
    } catch (error) {
      failures.push(error);
    }
  };
  let next = 0;
  const timer = setInterval(() => {
    const one: Promise<void> = call(clerks[next++ % clerks.length] as Clerk).finally(() =>
      pending.delete(one),
    );
    pending.add(one);
  }, 1_000 / callsPerSecond);
  try {
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    faultAt = performance.now();
    fault(first?.pid as number);
    const until = faultAt + 25_000;
    while (firstAnswerAt === Infinity && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 10));
  } finally {
    clearInterval(timer);
  }
  await Promise.all(pending);
  return { firstAnswerMs: firstAnswerAt - metAt, failures, calls };
}

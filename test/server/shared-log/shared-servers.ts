/** Several name servers in one process, over one simulated engine and one virtual clock. */
import type { NameServerOptions } from '../../../src/server/naming/open-name-server.js';
import { openSharedNameServer } from '../../../src/server/naming/open-shared-name-server.js';
import type { NameService, ServerRuntime } from '../../../src/server/ports.js';
import { testRuntime, type TestRuntime } from '../naming/name-server-harness.js';
import { SimulatedEngine, type StoreOptions } from './simulated-engine.js';

/** One server process. What it does after a timer or a response is held while it is paused, and dropped once it is killed. */
export class ServerProcess {
  readonly id: string;
  readonly runtime: ServerRuntime;
  names!: NameService;
  #state: 'running' | 'paused' | 'killed' = 'running';
  #held: (() => void)[] = [];

  constructor(id: string, base: TestRuntime) {
    this.id = id;
    this.runtime = {
      now: () => base.now(),
      wallNow: () => base.wallNow(),
      setTimer: (callback, delayMs) => base.setTimer(() => this.run(callback), delayMs),
      hostname: () => base.hostname(),
      hostId: () => base.hostId(),
      hostAddresses: () => base.hostAddresses(),
      random: () => base.random(),
      afterPendingIo: (callback) => base.afterPendingIo(() => this.run(callback)),
      sha256: (text) => base.sha256(text),
      timingSafeEqual: (a, b) => base.timingSafeEqual(a, b),
      randomHex: (bytes) => base.randomHex(bytes),
    };
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  get isKilled(): boolean {
    return this.#state === 'killed';
  }

  run(callback: () => void): void {
    if (this.#state === 'running') callback();
    else if (this.#state === 'paused') this.#held.push(callback);
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    for (const callback of this.#held.splice(0)) this.run(callback);
  }

  kill(): void {
    this.#state = 'killed';
    this.#held = [];
  }
}

export interface SharedServersOptions extends Partial<NameServerOptions> {
  readonly seed?: number;
  readonly engine?: Partial<StoreOptions>;
}

export class SharedServers {
  readonly runtime: TestRuntime;
  readonly engine: SimulatedEngine;
  readonly #options: Partial<NameServerOptions>;
  readonly #processes = new Map<string, ServerProcess>();
  #started = 0;

  constructor({ seed = 1, engine, ...options }: SharedServersOptions = {}) {
    this.runtime = testRuntime(seed);
    this.engine = new SimulatedEngine({
      clock: this.runtime,
      deliver: (server, run) => this.#processes.get(server)?.run(run),
      ...engine,
    });
    this.#options = options;
  }

  get processes(): readonly ServerProcess[] {
    return [...this.#processes.values()].filter(({ isKilled }) => !isKilled);
  }

  /** Starts a server. Time must pass if the engine takes time. */
  async start(id = `server-${++this.#started}`): Promise<ServerProcess> {
    const process = new ServerProcess(id, this.runtime);
    this.#processes.set(id, process);
    const log = this.engine.connect(id);
    await log.open();
    process.names = await openSharedNameServer(log, process.runtime, { version: '1.0.0', ...this.#options });
    return process;
  }

  /** Starts servers over an engine that takes no time. */
  async startAll(count: number): Promise<readonly ServerProcess[]> {
    const started: ServerProcess[] = [];
    for (let i = 0; i < count; i++) started.push(await this.start());
    return started;
  }
}

/** Renews leases as the routes do. */
export async function renewAt(names: NameService, ...[request, caller]: Parameters<NameService['renew']>) {
  await names.prepareRenewals(request);
  return names.renew(request, caller);
}

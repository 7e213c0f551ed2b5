import { onTestFinished } from 'vitest';
import { isClerkError } from '../../../src/core/errors.js';
import { systemHashing } from '../../../src/runtime/hashing.js';
import { parseManifest, type Manifest } from '../../../src/server/launcher/manifest.js';
import { openLauncher, type LauncherOptions } from '../../../src/server/launcher/launcher.js';
import type { Launcher } from '../../../src/server/ports.js';
import type { LaunchResponse } from '../../../src/protocol/launch-messages.js';
import { createFakeRuntime } from '../../../src/testing/fake-runtime.js';
import { FakeNameService } from './fake-name-service.js';
import { FakeProcesses, type FakeProcess } from './fake-processes.js';

/** A parsed manifest with made-up facts of the host. */
export function completeManifest(text: string): Manifest {
  const parsed = parseManifest('orders.yaml', text);
  return { ...parsed, programPath: `/real${parsed.exec}`, runAs: undefined, realPaths: [] };
}

export const minimalManifest = 'version: 1\nservice: /shop/*\nexec: /bin/orders\nreadyMs: 3000\n';

/** A launcher with a fake clock, a fake name service and fake processes. */
export class FakeHost {
  readonly clock = createFakeRuntime({ seed: 11, startAt: 1_000, hostId: 'boot/1' });
  readonly runtime = Object.assign(this.clock, systemHashing);
  readonly names = new FakeNameService();
  readonly processes = new FakeProcesses();
  readonly manifests = new Map<string, Manifest>([['orders', completeManifest(minimalManifest)]]);
  readonly lines: string[] = [];
  extra: Partial<LauncherOptions> = {};

  constructor() {
    this.names.define('/shop/orders', { manifest: 'orders' });
    this.programsRegister();
  }

  async open(): Promise<Launcher> {
    const log = (line: string): void => void this.lines.push(line);
    const launcher = await openLauncher({
      names: this.names,
      processes: this.processes,
      runtime: this.runtime,
      manifests: this.manifests,
      registryUrls: () => ['http://127.0.0.1:4711'],
      logger: { debug: log, info: log, warn: log, error: log },
      programChangeReason: async () => undefined,
      ...this.extra,
    });
    onTestFinished(() => launcher.close());
    return launcher;
  }

  /** From now on, each program registers `afterMs` after its start. */
  programsRegister(afterMs = 200): void {
    this.processes.onSpawn = (process) =>
      this.clock.setTimer(() => this.register(process), afterMs).setRef(false);
  }

  /** From now on, each program exits `afterMs` after its start. */
  programsCrash(code = 3, afterMs = 50): void {
    this.processes.onSpawn = (process) => {
      process.logTail = 'warming up\nError: the disk is full\n';
      this.clock.setTimer(() => process.exit(code), afterMs);
    };
  }

  /** From now on, programs never register. */
  programsHang(): void {
    this.processes.onSpawn = () => {};
  }

  register({ handshake, isAlive, address }: FakeProcess): void {
    if (!isAlive) return;
    const { name, instance: id, epoch, ticket } = handshake;
    try {
      this.names.register({ name, id, epoch, ticket, addresses: [address] });
    } catch (error) {
      this.lines.push(String(error));
    }
  }

  /** Outcome of a launch: `started`, `found`, or the error. Advances the clock until it has settled. */
  async launch(launcher: Launcher, waitMs?: number, name = '/shop/orders'): Promise<string> {
    const pending = this.startLaunch(launcher, waitMs, name);
    for (let i = 0; i < 10; i++) await this.clock.advance(0);
    let outcome: string | undefined;
    void pending.then((result) => (outcome = result));
    for (let ms = 0; outcome === undefined && ms < 60_000; ms += 50) await this.clock.advance(50);
    return outcome ?? 'it never settled';
  }

  startLaunch(launcher: Launcher, waitMs?: number, name = '/shop/orders'): Promise<string> {
    return outcomeOf(launcher.launch({ name, ...(waitMs !== undefined && { waitMs }) }, undefined));
  }
}

/** Formats the outcome of a launch: `started`, `found`, or the error. */
export function outcomeOf(response: Promise<LaunchResponse>): Promise<string> {
  return response.then(
    ({ started }) => (started ? 'started' : 'found'),
    (error: unknown) => (isClerkError(error) ? `${error.code}: ${error.message}` : String(error)),
  );
}

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { systemHashing } from '../../../src/runtime/hashing.js';
import { systemProcesses } from '../../../src/runtime/system-processes.js';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { readManifests } from '../../../src/server/launcher/manifest-files.js';
import { openLauncher, type LauncherOptions } from '../../../src/server/launcher/launcher.js';
import type { LauncherNameService } from '../../../src/server/launcher/launcher-context.js';
import type { Launcher } from '../../../src/server/ports.js';
import type { LaunchHandshake } from '../../../src/protocol/launch-messages.js';
import type { RegisterRequest } from '../../../src/protocol/registration-messages.js';

/** What the service program reports about its own process. */
export interface ProgramReport {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly input: string;
  readonly pid: number;
  readonly children: readonly number[];
}

const service = fileURLToPath(new URL('programs/service.mjs', import.meta.url));

/** A launcher with real processes on this host, which register over HTTP. */
export class RealHost {
  readonly folder = mkdtempSync(join(tmpdir(), 'clerk-launcher-'));
  readonly runtime = { ...systemClock, ...systemHashing };
  readonly #names: LauncherNameService;
  readonly #register: (request: RegisterRequest) => unknown;
  #url = '';

  /** @param register - called for each registration; may throw to reject it */
  constructor(names: LauncherNameService, register: (request: RegisterRequest) => unknown) {
    this.#names = names;
    this.#register = register;
    onTestFinished(async () => {
      for (const { pid, children } of this.reports()) for (const each of [pid, ...children]) killNow(each);
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** Writes the manifest `orders` for the service program with these options. */
  manifest(options: readonly string[], more: readonly string[] = []): void {
    // Node may be owned by any user, but the launcher runs only programs of root or its own user.
    this.#writeManifest('/usr/bin/env', [process.execPath, service, this.reportFile, ...options], more);
  }

  /** Writes the manifest `orders` for a shell script, which gets the handshake line on standard input. */
  shellManifest(script: string, more: readonly string[] = []): void {
    this.#writeManifest('/bin/sh', ['-c', script], more);
  }

  #writeManifest(exec: string, args: readonly string[], more: readonly string[]): void {
    const lines = ['version: 1', 'service: /shop/*', `exec: ${exec}`, `args: ${JSON.stringify(args)}`];
    writeFileSync(join(this.folder, 'orders.yaml'), [...lines, ...more].join('\n'), { mode: 0o600 });
  }

  get reportFile(): string {
    return join(this.folder, 'report');
  }

  reports(): readonly ProgramReport[] {
    try {
      const lines = readFileSync(this.reportFile, 'utf8').trim().split('\n');
      return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as ProgramReport);
    } catch {
      return [];
    }
  }

  /** The handshake of the latest program. */
  handshake(): LaunchHandshake {
    return JSON.parse(this.reports().at(-1)?.input ?? '') as LaunchHandshake;
  }

  async open(extra: Partial<LauncherOptions> = {}): Promise<Launcher> {
    if (this.#url === '') await this.#listen();
    writeFileSync(this.reportFile, '', { flag: 'a' });
    const ignore = (): void => {};
    const launcher = await openLauncher({
      names: this.#names,
      processes: systemProcesses,
      runtime: this.runtime,
      manifests: await readManifests(this.folder),
      registryUrls: () => [this.#url],
      logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
      logs: this.folder,
      ...extra,
    });
    onTestFinished(() => launcher.close());
    return launcher;
  }

  async #listen(): Promise<void> {
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        void Promise.resolve()
          .then(() => this.#register(JSON.parse(body) as RegisterRequest))
          .then(
            () => response.writeHead(200).end(),
            (error: unknown) => response.writeHead(403).end(String(error)),
          );
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => server.close().closeAllConnections());
    this.#url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  }
}

/** Whether a process is running; a zombie is not. */
export function isRunning(pid: number): boolean {
  return systemProcesses.identityOf(pid) !== undefined;
}

/** Polls until a condition is true. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has exited already.
  }
}

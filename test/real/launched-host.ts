/** A registry in this process that starts `/shop/orders` from a manifest. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer, type Server } from 'binding-clerk/server';
import { onTestFinished } from 'vitest';
import { isRunning, killNow } from './replaced-service.js';
import { scratchFolder } from './scratch-folder.js';
import { nodeArguments } from '../support/compiled-programs.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = fileURLToPath(new URL('programs/counted-service.ts', import.meta.url));

export class LaunchedHost {
  readonly name = '/shop/orders';
  readonly folder = scratchFolder();
  readonly lines: string[] = [];
  readonly #report = join(this.folder, 'report');
  server!: Server;

  /**
   * @param more - further fields of the manifest
   * @param cwd - working folder of the program
   */
  constructor(
    more: readonly string[] = [],
    private readonly cwd = root,
  ) {
    writeFileSync(this.#report, '');
    this.writeManifest(more);
    onTestFinished(async () => {
      await this.server.close();
      for (const pid of this.pids) killNow(pid, 'SIGKILL');
    });
  }

  /** Writes the manifest with further fields, as an operator who edits it. */
  writeManifest(more: readonly string[]): void {
    const args = [process.execPath, ...nodeArguments(program), this.#report];
    const manifest = [
      'version: 1',
      `service: ${this.name}`,
      // The tool `env` belongs to root wherever Node is installed.
      'exec: /usr/bin/env',
      `args: ${JSON.stringify(args)}`,
      `cwd: ${this.cwd}`,
      'readyMs: 30000',
      ...more,
    ];
    writeFileSync(join(this.folder, 'orders.yaml'), manifest.join('\n'), { mode: 0o600 });
  }

  async serve(): Promise<Server> {
    const log = (line: string): void => void this.lines.push(line);
    const logger = { debug: log, info: log, warn: log, error: log };
    this.server = await startServer({ port: 0, manifests: this.folder, logger });
    await this.post('define', { name: this.name, launch: { manifest: 'orders' } });
    return this.server;
  }

  /** The processes that have registered, oldest first. */
  get pids(): readonly number[] {
    return readFileSync(this.#report, 'utf8').split('\n').filter(Boolean).map(Number);
  }

  get running(): readonly number[] {
    return this.pids.filter(isRunning);
  }

  async post(path: string, body: object): Promise<{ readonly status: number; readonly body: any }> {
    const response = await fetch(`${this.server.url}/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  }

  async get(path: string): Promise<any> {
    return (await fetch(`${this.server.url}/v1/${path}`)).json();
  }
}

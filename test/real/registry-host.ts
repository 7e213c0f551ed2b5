import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { killNow } from './replaced-service.js';
import { scratchFolder } from './scratch-folder.js';
import { spawnProgram, type SpawnedProgram } from './spawn-program.js';
import { nodeArguments } from '../support/compiled-programs.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** The service of the manifest. */
export const name = '/shop/orders';

/** A folder with a manifest, and with data folders of registries. */
export class RegistryHost {
  readonly folder = scratchFolder();
  readonly #report = join(this.folder, 'report');
  /** Its programs register only while this file exists. */
  readonly gate = join(this.folder, 'gate');

  /** @param isContained - whether its registries run in containers, whose end is the end of their processes */
  constructor(isContained = false) {
    writeFileSync(this.#report, '');
    writeFileSync(this.gate, '');
    this.writeManifest();
    // A process id of a container belongs to another process here.
    if (isContained) return;
    onTestFinished(() => {
      for (const { pid, child } of this.starts) for (const each of [pid, child]) killNow(each, 'SIGKILL');
    });
  }

  /** @param before - shell commands that run before the program */
  writeManifest(before = ''): void {
    const program = fileURLToPath(new URL('programs/launched-service.ts', import.meta.url));
    const command = [process.execPath, ...nodeArguments(program), this.#report, this.gate];
    const manifest = [
      'version: 1',
      `service: ${name}`,
      // A shell belongs to root wherever Node is installed.
      'exec: /bin/sh',
      `args: ${JSON.stringify(['-c', `${before}exec "$@"`, 'sh', ...command])}`,
      `cwd: ${root}`,
      'readyMs: 30000',
    ];
    writeFileSync(join(this.folder, 'orders.yaml'), manifest.join('\n'), { mode: 0o600 });
  }

  get starts(): readonly { readonly pid: number; readonly child: number }[] {
    const lines = readFileSync(this.#report, 'utf8').split('\n').filter(Boolean);
    return lines.map((line) => JSON.parse(line) as { pid: number; child: number });
  }

  copy(from: string, to: string): void {
    execFileSync('cp', ['-a', join(this.folder, from), join(this.folder, to)]);
  }

  /** Starts a registry on one of the data folders, with the command and arguments of a wrapper. */
  async serve(
    data: string,
    options: readonly string[] = [],
    wrapper?: readonly string[],
    port = 0,
  ): Promise<ServedFolder> {
    const args = [join(this.folder, data), String(port), this.folder, ...options];
    const program = spawnProgram('registry.ts', args, onTestFinished, wrapper);
    return new ServedFolder(program, await program.waitForLine('at'));
  }
}

export class ServedFolder {
  constructor(
    readonly program: SpawnedProgram,
    readonly url: string,
  ) {}

  async post(path: string, body: object): Promise<any> {
    const response = await fetch(`${this.url}/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return response.json();
  }

  async incarnation(): Promise<string> {
    return ((await (await fetch(`${this.url}/v1/status`)).json()) as { incarnation: string }).incarnation;
  }

  /** Ends the registry, and returns what it has logged. */
  async end(): Promise<string> {
    this.program.child.kill('SIGKILL');
    return (await this.program.result).stderr;
  }
}

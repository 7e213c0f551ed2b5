/** The bundled registry as a child process that can be killed and restarted, and the manifests of its launcher. */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Program } from './program.js';

/** The registry, with its data and manifests in a folder. */
export class Registry extends Program {
  readonly #folder: string;

  constructor(folder: string) {
    super('registry');
    this.#folder = folder;
  }

  protected override command(port: number): readonly [string, ...string[]] {
    return [fileURLToPath(new URL('registry-process.ts', import.meta.url)), String(port), this.#folder];
  }
}

/**
 * Writes a manifest: the program that the launcher may run for a service. The server reads the folder at its start.
 *
 * @param program - a TypeScript file; the service's name is its last argument
 */
export async function writeManifest(
  folder: string,
  name: string,
  service: string,
  program: URL,
): Promise<void> {
  const manifest = {
    version: 1,
    service,
    // A path that the launcher trusts wherever Node itself is installed.
    exec: '/usr/bin/env',
    args: [process.execPath, '--import', 'tsx', fileURLToPath(program)],
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    // The program is transpiled at each start.
    readyMs: 30_000,
  };
  await mkdir(`${folder}/manifests`, { recursive: true, mode: 0o700 });
  // YAML reads JSON.
  await writeFile(`${folder}/manifests/${name}.yaml`, JSON.stringify(manifest), { mode: 0o600 });
}

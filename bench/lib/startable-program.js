/** The startable program of a row, with its manifest and the events that its processes record. */
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { internalUrl } from './subject.js';
import { temporaryFolder } from './temporary-folder.js';

/** @typedef {{ event: 'listens' | 'advertised', pid: number, at: number, upMs: number }} StartEvent */

const program = fileURLToPath(new URL('../processes/startable-service.js', import.meta.url));
const exec = realpathSync(process.execPath);

/**
 * Writes the manifest `startable` for a service.
 *
 * @param {import('./context.js').Context} context
 * @param {string} name - of the service
 */
export function createStartableProgram({ subject }, name) {
  const { path: folder, remove } = temporaryFolder();
  const file = join(folder, 'starts');
  const manifests = join(folder, 'manifests');
  const args = [program, internalUrl('service/index.js', subject), file];
  mkdirSync(manifests, { mode: 0o700 });
  // JSON is valid YAML.
  const manifest = JSON.stringify({ version: 1, service: name, exec, args });
  writeFileSync(join(manifests, 'startable.yaml'), manifest, { mode: 0o600 });
  const forget = () => writeFileSync(file, '');
  forget();
  return {
    exec,
    args,
    manifests,
    /** Command of the registry that makes the service startable. */
    definition: { name, launch: { manifest: 'startable' } },
    /** The events since the last call of `forget`. */
    events() {
      const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
      return lines.map((line) => /** @type {StartEvent} */ (JSON.parse(line)));
    },
    forget,
    remove,
  };
}

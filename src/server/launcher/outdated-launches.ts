import { errorMessage } from '../../core/errors.js';
import type { Timer } from '../../core/clock.js';
import type { OutdatedInstance } from '../../protocol/status-messages.js';
import type { LaunchRecord } from '../ports.js';
import type { LauncherContext } from './launcher-context.js';
import { manifestVersion, type Manifest } from './manifest.js';

const intervalMs = 5_000;

/**
 * Finds running processes whose manifest on disk has changed since their start. A symbolic link with a new target in
 * a path of the manifest also counts as a change. Logs each change once.
 *
 * @see [C6.8](../../../docs/guarantees.md#c6-8)
 */
export class OutdatedLaunches {
  readonly #context: LauncherContext;
  readonly #running: () => Iterable<LaunchRecord>;
  #outdated: ReadonlyMap<string, OutdatedInstance> = new Map();
  #timer: Timer | undefined;

  constructor(context: LauncherContext, running: () => Iterable<LaunchRecord>) {
    this.#context = context;
    this.#running = running;
  }

  get list(): readonly OutdatedInstance[] {
    return [...this.#outdated.values()];
  }

  start(): void {
    const { runtime, readManifest } = this.#context;
    if (readManifest === undefined) return;
    const schedule = (): void => {
      this.#timer = runtime.setTimer(() => void this.check().then(schedule), intervalMs);
      this.#timer.setRef(false);
    };
    schedule();
    void this.check();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Never rejects. */
  async check(): Promise<void> {
    const { logger } = this.#context;
    const read = new Map<string, Promise<Manifest | string>>();
    const outdated = new Map<string, OutdatedInstance>();
    for (const record of this.#running()) {
      if (record.manifestVersion === undefined) continue;
      const onDisk = read.get(record.manifest) ?? this.#read(record.manifest);
      read.set(record.manifest, onDisk);
      const reason = this.#reason(record, await onDisk);
      if (reason !== undefined)
        outdated.set(record.instance, { name: this.#canonicalOf(record.name), id: record.instance, reason });
    }
    for (const [id, { name, reason }] of outdated)
      if (this.#outdated.get(id)?.reason !== reason)
        logger.warn(
          `${name} (${id}) is outdated: ${reason}; when the manifest is correct, run clerk reset ${name} --rolling`,
        );
    for (const record of this.#running())
      if (this.#outdated.has(record.instance) && !outdated.has(record.instance))
        logger.info(`${record.name} (${record.instance}) matches its manifest again`);
    this.#outdated = outdated;
  }

  #read(name: string): Promise<Manifest | string> {
    const { readManifest } = this.#context;
    return readManifest === undefined ? Promise.resolve('') : readManifest(name).catch(errorMessage);
  }

  #reason(
    { manifest: name, manifestVersion: started }: LaunchRecord,
    onDisk: Manifest | string,
  ): string | undefined {
    if (typeof onDisk === 'string') return `manifest ${name} cannot be used: ${onDisk}`;
    const version = manifestVersion(onDisk, this.#context.runtime);
    if (version === started) return undefined;
    const [content] = version.split('.');
    return started?.startsWith(`${content ?? ''}.`) === true
      ? `a path in manifest ${name} now leads to a different file; the program is now ${onDisk.programPath}`
      : `manifest ${name} was edited since the process was started`;
  }

  #canonicalOf(name: string): string {
    try {
      return this.#context.names.launchRule(name).canonical;
    } catch {
      return name;
    }
  }
}

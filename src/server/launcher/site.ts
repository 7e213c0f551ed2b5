/** What the launcher works with, handed from part to part. */
import type { Logger } from '../../core/logger.js';
import type { Processes } from '../../core/processes.js';
import type { NameService, ServerRuntime } from '../ports.js';
import type { Manifest } from './manifest.js';
import type { Slots } from './slots.js';

/** What the launcher needs of the names. */
export type LauncherNames = Pick<
  NameService,
  'resolve' | 'launchRule' | 'launches' | 'onRegistered' | 'withdraw'
>;

/** The launcher's surroundings. */
export interface Site {
  readonly names: LauncherNames;
  readonly processes: Processes;
  readonly runtime: ServerRuntime;
  /** By name. */
  readonly manifests: ReadonlyMap<string, Manifest>;
  /** Why a manifest's program cannot be run any more, or undefined. */
  readonly programChange: (manifest: Manifest) => Promise<string | undefined>;
  readonly registryUrls: () => readonly string[];
  /** Folder for what programs print; undefined: thrown away. */
  readonly logs: string | undefined;
  /** When a name was last looked up, on the monotonic clock, in ms. */
  readonly lastUsedAt: (name: string) => number | undefined;
  readonly logger: Logger;
  readonly slots: Slots;
  /** Starts that wait for their registration, by instance. */
  readonly awaited: Map<string, Awaited>;
}

/** Who is told of a registration. */
export interface Awaited {
  registered(): void;
}

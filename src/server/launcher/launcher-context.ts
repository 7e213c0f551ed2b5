/** What the launcher works with, handed from part to part. */
import type { Logger } from '../../core/logger.js';
import type { Processes } from '../../core/processes.js';
import type { NameService, ServerRuntime } from '../ports.js';
import type { Manifest } from './manifest.js';
import type { InstanceLimit } from './instance-limit.js';

/** What the launcher needs of the names. */
export type LauncherNameService = Pick<
  NameService,
  'resolve' | 'launchRule' | 'launches' | 'onRegistered' | 'withdraw'
>;

/** The launcher's surroundings. */
export interface LauncherContext {
  readonly names: LauncherNameService;
  readonly processes: Processes;
  readonly runtime: ServerRuntime;
  /** By name. */
  readonly manifests: ReadonlyMap<string, Manifest>;
  /** Why a manifest's program cannot be run any more, or undefined. */
  readonly programChangeReason: (manifest: Manifest) => Promise<string | undefined>;
  readonly registryUrls: () => readonly string[];
  /** Folder for what programs print; undefined: thrown away. */
  readonly logs: string | undefined;
  /** When a name was last looked up, on the monotonic clock, in ms. */
  readonly lastUsedAt: (name: string) => number | undefined;
  readonly logger: Logger;
  readonly instanceLimit: InstanceLimit;
  /** Starts that wait for their registration, by instance. */
  readonly pendingRegistrations: Map<string, PendingRegistration>;
}

/** Who is told of a registration. */
export interface PendingRegistration {
  onRegistered(): void;
}

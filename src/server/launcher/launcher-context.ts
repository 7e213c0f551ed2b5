import type { Logger } from '../../core/logger.js';
import type { Processes } from '../../core/processes.js';
import type { NameService, ServerRuntime } from '../ports.js';
import type { Manifest } from './manifest.js';
import type { InstanceLimit } from './instance-limit.js';

/** Part of the name service that the launcher needs. */
export type LauncherNameService = Pick<
  NameService,
  'resolve' | 'launchRule' | 'launches' | 'onRegistered' | 'withdraw'
>;

/** Dependencies and state that all parts of one launcher share. */
export interface LauncherContext {
  readonly names: LauncherNameService;
  readonly processes: Processes;
  readonly runtime: ServerRuntime;
  /** Manifests by name. */
  readonly manifests: ReadonlyMap<string, Manifest>;
  /** Returns why the program of a manifest must not be run any more; undefined when the program may be run. */
  readonly programChangeReason: (manifest: Manifest) => Promise<string | undefined>;
  readonly registryUrls: () => readonly string[];
  /** Folder for the output of programs; undefined to discard the output. */
  readonly logs: string | undefined;
  /** Returns when a canonical name was last looked up, in ms on the monotonic clock; undefined for never. */
  readonly lastUsedAt: (name: string) => number | undefined;
  readonly logger: Logger;
  readonly instanceLimit: InstanceLimit;
  /** Launches whose service has not registered yet, by instance id. */
  readonly pendingRegistrations: Map<string, PendingRegistration>;
}

/** A launch whose service has not registered yet. */
export interface PendingRegistration {
  onRegistered(): void;
}

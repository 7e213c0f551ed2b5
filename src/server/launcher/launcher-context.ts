import type { Logger } from '../../core/logger.js';
import type { Processes } from '../../core/processes.js';
import type { NameService, ServerRuntime } from '../ports.js';
import type { Manifest } from './manifest.js';
import type { InstanceLimit } from './instance-limit.js';

/** The part of the name service that the launcher needs. */
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
  /** Says why a manifest's program can no longer be run; undefined when it can. */
  readonly programChangeReason: (manifest: Manifest) => Promise<string | undefined>;
  readonly registryUrls: () => readonly string[];
  /** Folder for the output of programs; undefined: output is discarded. */
  readonly logs: string | undefined;
  /** When a canonical name was last looked up, in ms on the monotonic clock. */
  readonly lastUsedAt: (name: string) => number | undefined;
  readonly logger: Logger;
  readonly instanceLimit: InstanceLimit;
  /** Launches that have not registered yet, by instance id. */
  readonly pendingRegistrations: Map<string, PendingRegistration>;
}

/** A launch that waits for its registration. */
export interface PendingRegistration {
  onRegistered(): void;
}

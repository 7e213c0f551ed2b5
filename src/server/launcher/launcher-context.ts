import type { Logger } from '../../core/logger.js';
import type { Processes } from '../../core/processes.js';
import type { Quotas } from '../../core/quotas.js';
import type { IdleStop } from './idle-stop.js';
import type { NameService, ServerRuntime } from '../ports.js';
import type { Manifest } from './manifest.js';

export type LauncherNameService = Pick<
  NameService,
  | 'resolve'
  | 'launchRule'
  | 'launches'
  | 'onRegistered'
  | 'onUnreachable'
  | 'onActivity'
  | 'isSuspect'
  | 'withdraw'
>;

/** State and settings that all parts of one launcher share. */
export interface LauncherContext {
  readonly names: LauncherNameService;
  readonly processes: Processes;
  readonly runtime: ServerRuntime;
  /** The manifests with which services are started, by name. */
  readonly manifests: Map<string, Manifest>;
  /** Reads a manifest from disk; rejects with `CONFIG_INVALID`. Undefined if manifests cannot be read again. */
  readonly readManifest?: ((name: string) => Promise<Manifest>) | undefined;
  /**
   * Returns why the program of a manifest must not be run any more. Returns undefined when the program may be run.
   */
  readonly programChangeReason: (manifest: Manifest) => Promise<string | undefined>;
  readonly registryUrls: () => readonly string[];
  /** Folder for the output of programs. If undefined, the output is discarded. */
  readonly logs: string | undefined;
  readonly logger: Logger;
  /** Counts the running instances of each manifest. @see [A21](../../../docs/guarantees.md#a21) */
  readonly instanceLimit: Quotas;
  /** Launches that wait for the registration of the service, by instance id. */
  readonly pendingRegistrations: Map<string, PendingRegistration>;
  /** Idle checks of the running launches, by instance id. */
  readonly idleStops: Map<string, IdleStop>;
}

export interface PendingRegistration {
  onRegistered(): void;
}

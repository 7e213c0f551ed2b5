import type { Logger } from '../../core/logger.js';
import type { Processes } from '../../core/processes.js';
import type { Quotas } from '../../core/quotas.js';
import type { NameService, ServerRuntime } from '../ports.js';
import type { Manifest } from './manifest.js';

export type LauncherNameService = Pick<
  NameService,
  'resolve' | 'launchRule' | 'launches' | 'onRegistered' | 'onUnreachable' | 'isSuspect' | 'withdraw'
>;

/** What all parts of one launcher share. */
export interface LauncherContext {
  readonly names: LauncherNameService;
  readonly processes: Processes;
  readonly runtime: ServerRuntime;
  readonly manifests: ReadonlyMap<string, Manifest>;
  /** Returns why the program of a manifest must no longer be run; undefined when the program may be run. */
  readonly programChangeReason: (manifest: Manifest) => Promise<string | undefined>;
  readonly registryUrls: () => readonly string[];
  /** Folder for the output of programs; undefined to discard the output. */
  readonly logs: string | undefined;
  /**
   * Returns the time at which a canonical name was last looked up, in ms on the monotonic clock; undefined if the name
   * was never looked up.
   */
  readonly lastUsedAt: (name: string) => number | undefined;
  readonly logger: Logger;
  /** Counts the running instances of each manifest. @see [A21](../../../docs/guarantees.md#a21) */
  readonly instanceLimit: Quotas;
  /** Launches that wait for the registration of the service, by instance id. */
  readonly pendingRegistrations: Map<string, PendingRegistration>;
}

export interface PendingRegistration {
  onRegistered(): void;
}

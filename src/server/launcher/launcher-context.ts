import type { ClerkError } from '../../core/errors.js';
import type { KeyPin } from '../../core/key-pin.js';
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
  | 'formerNames'
  | 'canonicalOf'
  | 'launches'
  | 'onRegistered'
  | 'onUnreachable'
  | 'onActivity'
  | 'onStoreFailed'
  | 'isSuspect'
  | 'withdraw'
>;

export interface LauncherContext {
  readonly names: LauncherNameService;
  readonly processes: Processes;
  readonly runtime: ServerRuntime;
  readonly manifests: Map<string, Manifest>;
  /** Reads a manifest again. Rejects with `CONFIG_INVALID`. Undefined if the manifests do not come from files. */
  readonly readManifest?: ((name: string) => Promise<Manifest>) | undefined;
  readonly programChangeReason: (manifest: Manifest, args: readonly string[]) => Promise<string | undefined>;
  readonly registryUrls: () => readonly string[];
  /** Key of a secured registry, by which a launched service recognizes the registry. */
  readonly registryPin?: (() => KeyPin) | undefined;
  readonly logs: string | undefined;
  /** Whether launch records are stored, so that a restarted server finds the processes of its predecessor. */
  readonly isDurable: boolean;
  readonly logger: Logger;
  /** Counts the running instances of each manifest. @see [A21](../../../docs/guarantees.md#a21) */
  readonly instanceLimit: Quotas;
  readonly pendingRegistrations: Map<string, PendingRegistration>;
  readonly idleStops: Map<string, IdleStop>;
}

export interface PendingRegistration {
  onRegistered(): void;
  /** Called when the registration cannot be saved. */
  onStoreFailed(failure: ClerkError): void;
}

import type { AttemptTimeoutOptions, RetryOptions } from '../core/retry-options.js';
import type { AccessEntry, GroupRequest } from './identity-messages.js';

export interface LaunchRule {
  readonly manifest: string;
  readonly params?: Readonly<Record<string, string | number>>;
}

interface ChangeScheduling {
  /**
   * Whether a change during a guarantee is scheduled for the end of the guarantee. The entry is frozen until then.
   * Default false: such a change fails with `CHANGE_TOO_EARLY`.
   */
  readonly whenExpired?: boolean;
}

/** A field that is absent keeps its value. */
export interface DefineRequest extends ChangeScheduling {
  readonly name: string;
  readonly policy?: string | null;
  /** At most 7 days. Null: the default of the client. */
  readonly timeoutMs?: number | null;
  readonly attemptTimeoutMs?: number | AttemptTimeoutOptions | null;
  /** Null: the default of the client. With `false`, a request that was sent is not retried. */
  readonly retries?: RetryOptions | false | null;
  /**
   * A lookup guarantees for this time that the entry does not change; at most 7 days, 0 for no guarantee. Default
   * 5,000.
   */
  readonly guaranteedMs?: number;
  /** Null: no launcher starts the service. */
  readonly launch?: LaunchRule | null;
}

/** The target need not exist. @see [G2](../../docs/background.md#g2) */
export interface LinkRequest extends ChangeScheduling {
  readonly name: string;
  readonly target: string;
  readonly guaranteedMs?: number;
}

/** @see [G1](../../docs/background.md#g1) */
export interface DirectoryRequest {
  readonly name: string;
}

/** In names, `#<id>` can be used instead of the name of the directory. */
export interface DirectoryResponse extends ChangeResponse {
  readonly id: string;
}

/** Moves an entry and all entries below it, and leaves a link at the old name. @see [G5](../../docs/background.md#g5) */
export interface MoveRequest {
  readonly from: string;
  readonly to: string;
}

export interface RemoveRequest extends ChangeScheduling {
  readonly name: string;
  /** Must be true if the entry has endpoints, or if other entries are below it. */
  readonly recursive?: boolean;
  /** Whether to ignore guarantees. The registry logs a forced removal. */
  readonly force?: boolean;
}

export interface ChangeResponse {
  readonly revision: string;
  readonly incarnation: string;
  /** 0 when the change already applies. */
  readonly appliesInMs: number;
}

/** One line of an export or import. Endpoints are not exported, since their processes register again. */
export type ExportLine =
  | ({ readonly kind: 'service' } & Omit<DefineRequest, 'whenExpired'>)
  | ({ readonly kind: 'link' } & Omit<LinkRequest, 'whenExpired'>)
  | { readonly kind: 'directory'; readonly name: string; readonly id: string }
  | ({ readonly kind: 'group' } & Omit<GroupRequest, 'whenExpired'>)
  | ({ readonly kind: 'access' } & AccessEntry);

/** An import applies all lines or none. */
export interface ImportResponse {
  readonly entries: number;
  readonly revision: string;
}

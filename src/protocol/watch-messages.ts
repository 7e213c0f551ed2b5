import type { ResolveResponse } from './lookup-messages.js';

export interface WatchRequest {
  readonly globs: readonly string[];
  /** Position at which the watch resumes. Without a recent position, the watch begins with a snapshot. */
  readonly since?: { readonly incarnation: string; readonly revision: string };
}

/** Changes the globs of a watch. The event stream continues with a snapshot of the added globs. */
export interface WatchEditRequest {
  readonly watch: string;
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
}

/**
 * Server-sent events of a watch: `event` is the type, `id` is `<incarnation>:<revision>:<mark>`. A snapshot begins
 * with `resync`, or with an `open` whose `resumed` is false. A snapshot ends with the next `current`. A snapshot has
 * one `put` for every existing name. If a glob is exactly the name of a link, the `put` of this name has the resolution
 * of the target.
 */
export type WatchEvent =
  | {
      readonly type: 'open';
      readonly watch: string;
      readonly resumed: boolean;
      readonly heartbeatMs: number;
      readonly incarnation: string;
      /** When the registry had received the request, in ms on the monotonic clock of the registry. */
      readonly statedAt: number;
      /** The same as the header `clerk-servers`. Absent in a registry with one server. */
      readonly servers?: string;
    }
  | {
      readonly type: 'put';
      readonly name: string;
      readonly entry: WatchEntry;
      /**
       * When the registry read the entry, in ms on the monotonic clock of the registry. Guarantees count from this
       * time. `statedAt` minus the `statedAt` of `open` is the time since the request. It does not
       * include the delay of the stream.
       */
      readonly statedAt: number;
    }
  | { readonly type: 'delete'; readonly name: string }
  | { readonly type: 'resync'; readonly reason: string }
  /**
   * The snapshot of `globs` is complete. After an edit of the watch, `globs` are the added globs. Otherwise `globs`
   * are all globs of the watch.
   */
  | { readonly type: 'current'; readonly globs: readonly string[] }
  /** All changes up to the revision in `id` were sent. */
  | { readonly type: 'heartbeat'; readonly servers?: string };

export type WatchEntry =
  | ResolveResponse
  | {
      readonly kind: 'link';
      readonly name: string;
      readonly target: string;
      readonly guaranteedMs: number;
      readonly revision: string;
      readonly mark?: string;
      readonly incarnation: string;
    };

/**
 * What goes over the wire between clerks, services, the command line and the reference server: plain data, JSON.
 * Instants never travel, only durations, since no two clocks agree. Revisions are decimal texts, since they outgrow
 * numbers; they grow with every durable change and are compared only within one incarnation.
 *
 * @see promises C1.7, C5.2
 */
import type { AddressString } from '../core/address.js';
import type { Load } from '../core/load-report.js';
import type { ResolutionStep, ListEntry, HealthReport } from '../core/registry.js';

/** An endpoint as the server shows it. */
export interface EndpointMessage {
  readonly id: string;
  readonly epoch: number;
  readonly addresses: readonly AddressString[];
  readonly host: string | null;
  readonly zone: string | null;
  readonly version: string | null;
  readonly weight: number;
  readonly attributes: Readonly<Record<string, string>>;
  readonly leaseMs: number;
  readonly state: 'up' | 'draining' | 'suspect';
  /** What it said with a renewal of its lease, in look-ups alone: the last time that it was anything new. */
  readonly load?: Load;
}

/** How a service is started when nobody runs it. */
export interface LaunchRule {
  /** Name of a manifest that the operator wrote. */
  readonly manifest: string;
  /** Values for the manifest's parameters. */
  readonly params?: Readonly<Record<string, string | number>>;
}

/** What a look-up answers. A defined service with no endpoint is an answer. */
export interface ResolveResponse {
  /** The name that was asked for. */
  readonly name: string;
  /** The name behind all links. */
  readonly canonical: string;
  /** `directory`: there are names below it and nothing that can be called. */
  readonly kind: 'service' | 'directory';
  /** The arcs followed. */
  readonly path: readonly ResolutionStep[];
  /** The complete set. */
  readonly endpoints: readonly EndpointMessage[];
  readonly policy: string | null;
  /** How long a call may take where its caller says nothing, in ms. Left out where the service does not say. */
  readonly timeoutMs?: number;
  /** Whether the server can have it started. */
  readonly launchable: boolean;
  /** Instance ids of whom somebody cannot reach: those who call them are asked how they fare. Left out where there are none. */
  readonly healthQueried?: readonly string[];
  readonly revision: string;
  readonly incarnation: string;
  /** Shortest promise of the trail, in ms from when the question was sent. */
  readonly guaranteedMs: number;
  /** For how long the endpoints may be used without asking again, in ms. */
  readonly ttlMs: number;
}

/** One page of a listing, in order of names. */
export interface ListResponse {
  readonly entries: readonly ListEntry[];
  /** Give it as `after` for the next page; null on the last. */
  readonly next: string | null;
  readonly revision: string;
  readonly incarnation: string;
}

/** What a search answers. @see Naming N7 */
export interface SearchResponse {
  readonly entries: readonly { readonly name: string; readonly endpoints: readonly EndpointMessage[] }[];
  readonly revision: string;
  readonly incarnation: string;
}

/** Whose address it is. @see "A Distributed Systems Architecture for the 1990's" C12 (back-map) */
export interface WhoisResponse {
  readonly owners: readonly { readonly name: string; readonly id: string; readonly epoch: number }[];
}

/** What the server says of itself. */
export interface StatusResponse {
  readonly version: string;
  readonly incarnation: string;
  readonly revision: string;
  readonly services: number;
  readonly endpoints: number;
  readonly links: number;
  readonly watches: number;
  /** True while a brake on mass expiry is on, or the store cannot be written. */
  readonly degraded: boolean;
}

/** Of every change of structure. */
interface ChangeScheduling {
  /** Freeze the entry and make the change once every promise given has run out, in place of refusing it. */
  readonly whenExpired?: boolean;
}

/** Defines a service, or changes how it is chosen and started. What is left out keeps its value, or gets its default. */
export interface DefineRequest extends ChangeScheduling {
  readonly name: string;
  /** A policy word, or null for none. */
  readonly policy?: string | null;
  /** How long a call may take where its caller says nothing, in ms from 1 to 7 days, or null for the caller's default. */
  readonly timeoutMs?: number | null;
  /** Length of the promise on this entry, in ms; 0 for none, at most 7 days. Default 5,000. */
  readonly guaranteedMs?: number;
  /** How it is started, or null for not at all. */
  readonly launch?: LaunchRule | null;
}

/** Makes a name stand for another. The target need not exist. @see GNS G2 */
export interface LinkRequest extends ChangeScheduling {
  readonly name: string;
  readonly target: string;
  readonly guaranteedMs?: number;
}

/** Makes a directory with an identifier that never changes. @see GNS G1 */
export interface DirectoryRequest {
  readonly name: string;
}

/** A directory's identifier: `#` and what follows can stand in place of its name. */
export interface DirectoryResponse extends ChangeResponse {
  readonly id: string;
}

/** Moves an entry, and all below it, leaving a link at the old place: nobody has to wait. @see GNS G5 */
export interface MoveRequest {
  readonly from: string;
  readonly to: string;
}

/** Removes an entry. A service with endpoints, or a name with others below it, only with `recursive`. */
export interface RemoveRequest extends ChangeScheduling {
  readonly name: string;
  readonly recursive?: boolean;
  /** Break the promise: an operator's word, logged as such. */
  readonly force?: boolean;
}

/** A change was made, or will be. */
export interface ChangeResponse {
  readonly revision: string;
  readonly incarnation: string;
  /** The change comes about so many ms from now; 0 when it is made. */
  readonly appliesInMs: number;
}

/** Registers one endpoint, or changes what it said of itself. Defines the service if nobody has. */
export interface RegisterRequest {
  readonly name: string;
  /** Instance id, never reused by another; 1–128 printable characters without blanks. */
  readonly id: string;
  /** Fencing number of an earlier registration of this id, or of a launch; left out, the server gives the next. */
  readonly epoch?: number;
  readonly addresses: readonly AddressString[];
  /** 1 s to 7 d. Default 10 s. */
  readonly leaseMs?: number;
  readonly host?: string | null;
  readonly zone?: string | null;
  readonly version?: string | null;
  readonly weight?: number;
  readonly attributes?: Readonly<Record<string, string>>;
  /** One-time ticket of a launched service. */
  readonly ticket?: string;
}

/** A registration that is durable. */
export interface RegisterResponse {
  readonly epoch: number;
  readonly leaseMs: number;
  readonly revision: string;
  readonly incarnation: string;
  /** What only the launcher's own registry can know, when a ticket was given: see `proofOf`. @see Tcl-DP T9 */
  readonly proof?: string;
}

/** Renews leases, all of a process in one message. @see "A Distributed Systems Architecture for the 1990's" C4 */
export interface RenewRequest {
  readonly renewals: readonly Renewal[];
}

/** Renews one lease. */
export interface Renewal {
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
  /** How loaded it is; left out, it says nothing (any more). */
  readonly load?: Load;
  /** It was told that it is suspect, and says that it is well: what was held against it before is forgotten. */
  readonly claimsHealthy?: boolean;
}

/** One word for each renewal, in order: `lost` means register again, `fenced` that somebody newer took the place. */
export interface RenewResponse {
  readonly results: readonly ('renewed' | 'lost' | 'fenced')[];
  /** Which of them are marked suspect, by their places from 0; left out where there are none. */
  readonly suspects?: readonly number[];
  readonly incarnation: string;
}

/**
 * What one clerk has to say of endpoints: 1 to 100 opinions, each kept for 10 s. What is not known here is passed over
 * in silence, so that a report asks nothing.
 */
export type ReportRequest = HealthReport;

/**
 * Withdraws an endpoint: marked draining and pushed at once, gone once all who may still hold it have looked again,
 * or at once with `now`.
 */
export interface WithdrawRequest {
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
  readonly now?: boolean;
}

/** Opens a watch over names and globs. */
export interface WatchRequest {
  readonly globs: readonly string[];
  /** Go on from here; left out, or too long ago, all that is there comes first. */
  readonly since?: { readonly incarnation: string; readonly revision: string };
}

/** Changes what a watch is over; its stream goes on with what is there of the new ones. */
export interface WatchEditRequest {
  /** From the stream's `open` event. */
  readonly watch: string;
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
}

/**
 * What a watch tells, as server-sent events: `event` is the type, `id` is `<incarnation>:<revision>`. Between a
 * `resync` (or the `open` of a watch that did not go on from `since`) and the next `current`, every name that is there
 * comes as a `put`, and what does not come is not there. Names behind links come resolved, under the name that was
 * asked for where the watch names it without wildcards.
 */
export type WatchEvent =
  | {
      readonly type: 'open';
      readonly watch: string;
      readonly resumed: boolean;
      readonly heartbeatMs: number;
      readonly incarnation: string;
    }
  | { readonly type: 'put'; readonly name: string; readonly entry: WatchEntry }
  | { readonly type: 'delete'; readonly name: string }
  | { readonly type: 'resync'; readonly reason: string }
  /** All that was there has been told; `globs` are those that were added last, all at the opening. */
  | { readonly type: 'current'; readonly globs: readonly string[] }
  /** Nothing happened; the position moves on. */
  | { readonly type: 'heartbeat' };

/** A name in a watch. */
export type WatchEntry =
  | ResolveResponse
  | {
      readonly kind: 'link';
      readonly name: string;
      readonly target: string;
      readonly guaranteedMs: number;
      readonly revision: string;
      readonly incarnation: string;
    };

/** Has a service started, if nobody runs it; answers when it can be called, or why not. @see promises C6.1 */
export interface LaunchRequest {
  readonly name: string;
  /** How long the caller waits, in ms; the start itself goes on. */
  readonly waitMs?: number;
}

/** It runs. */
export interface LaunchResponse {
  readonly name: string;
  readonly endpoints: readonly EndpointMessage[];
  /** Whether this call started it, rather than finding it running or joining another's start. */
  readonly started: boolean;
}

/** Ends what the launcher has started of a service. @see Tcl-DP T7 */
export interface StopRequest {
  readonly name: string;
}

/** How many process groups were ended. */
export interface StopResponse {
  readonly stopped: number;
}

/** One entry as `export` writes and `import` reads it. Endpoints live by their leases and are not exported. */
export type ExportLine =
  | ({ readonly kind: 'service' } & Omit<DefineRequest, 'whenExpired'>)
  | ({ readonly kind: 'link' } & Omit<LinkRequest, 'whenExpired'>)
  | { readonly kind: 'directory'; readonly name: string; readonly id: string };

/** How many lines were taken; all or none are. */
export interface ImportResponse {
  readonly entries: number;
  readonly revision: string;
}

/** What every refusal looks like. */
export interface ErrorEnvelope {
  readonly error: {
    /** A `ClerkErrorCode`. */
    readonly code: string;
    /** Sentence case, with what to do. */
    readonly message: string;
    /** With `CHANGE_TOO_EARLY` and `LIMIT_EXCEEDED`: when it is worth trying again, in ms. */
    readonly remainingMs?: number;
  };
}

/** What a launched service reads from standard input: one line. @see Tcl-DP T6, T9 */
export interface LaunchHandshake {
  readonly v: 1;
  /** Addresses of the registry. */
  readonly registry: readonly string[];
  readonly name: string;
  readonly instance: string;
  readonly epoch: number;
  /** The service's half of the pair: presented once, when it registers. */
  readonly ticket: string;
  /** The server's half: what it proves itself with. */
  readonly registryKey: string;
}

/**
 * The port that a registry implements, one of your own in thirty lines or the bundled one.
 */
import type { AddressString } from './address.js';
import type { Clock } from './clock.js';
import type { EndpointInit } from './endpoint.js';
import type { StartedEndpoint } from './factory.js';

/** What travels with a question to a registry. */
export interface ResolveContext {
  /** Aborted when nobody waits any more or the look-up took too long; stop then. */
  readonly signal: AbortSignal;
  /** Instance ids that just failed a call of this clerk; empty on an ordinary look-up. */
  readonly suspects: ReadonlySet<string>;
  /** The clerk's time, for a registry that waits. Who asks without one is waited with by nobody. */
  readonly clock?: Clock;
}

/** A name that a look-up passed on its way, and for how long that arc is promised. @see GNS G4 */
export interface ResolutionStep {
  /** The name at this step. */
  readonly name: string;
  /** What was found there. */
  readonly kind: 'service' | 'link' | 'mount' | 'directory';
  /** How long it is promised to stay as it is, in ms, from when the question was sent. */
  readonly guaranteedMs: number;
}

/** The service exists. Its endpoints are the complete set, which may be empty. */
export interface BoundResolution {
  /** Says so. */
  readonly kind: 'bound';
  /** All of them, every time; never a difference. */
  readonly endpoints: readonly (AddressString | URL | EndpointInit)[];
  /**
   * For how long the answer may be used without asking again, in ms; ≥ 0, `Infinity` allowed. Default 5,000.
   * Counted from when the question was sent.
   */
  readonly ttlMs?: number;
  /** For how long the registry promises that the answer stays true, in ms. The shorter of the two counts. @see GNS G4 */
  readonly guaranteedMs?: number;
  /** Grows with every change. An answer with a smaller one than the last seen is not believed. */
  readonly revision?: string;
  /** Changes when the registry has lost its memory; revisions are compared only within one. */
  readonly incarnation?: string;
  /** The name behind all links. Default: the name that was asked for. */
  readonly canonical?: string;
  /** The service's own rule for choosing, as a word. */
  readonly policy?: string;
  /**
   * How long a call of the service may take, in ms, above 0 and at most 2^31 − 1, where the program has set no
   * `timeoutMs` of its own. Default: the clerk's.
   */
  readonly timeoutMs?: number;
  /** The arcs followed. Default: the name itself. */
  readonly path?: readonly ResolutionStep[];
  /** Whether the registry can have it started when nobody runs it: see {@link Registry.start}. Default false. */
  readonly startable?: boolean;
  /**
   * Instance ids of endpoints that somebody cannot reach: the registry asks all who call them how they fare, which a
   * clerk says by {@link Registry.report}. A doubt changes nothing else. Default: none.
   */
  readonly healthQueried?: readonly string[];
}

/** The name stands for another name. @see GNS G2 */
export interface LinkResolution {
  /** Says so. */
  readonly kind: 'link';
  /** The other name, absolute. */
  readonly target: string;
  /** As in {@link BoundResolution}. Default 5,000. */
  readonly ttlMs?: number;
  /** As in {@link BoundResolution}. */
  readonly guaranteedMs?: number;
}

/** There is no such name: an answer, not a failure. */
export interface AbsentResolution {
  /** Says so. */
  readonly kind: 'absent';
  /** For how long that may be believed, in ms; at most 5,000 are. Default 1,000. @see promises C1.5 */
  readonly ttlMs?: number;
  /** As in {@link BoundResolution}. */
  readonly revision?: string;
  /** As in {@link BoundResolution}. */
  readonly incarnation?: string;
}

/** What a registry knows of a name. A registry that cannot tell rejects instead; it never answers with less than it knows. */
export type Resolution = BoundResolution | LinkResolution | AbsentResolution;

/** One line of a listing. */
export interface ListEntry {
  /** The full name. */
  readonly name: string;
  /** What it is. */
  readonly kind: 'service' | 'link' | 'mount' | 'directory';
  /** Number of endpoints, where the registry says it. */
  readonly endpoints?: number;
  /** Number of those that are marked suspect, where there are any. */
  readonly suspects?: number;
  /** The other name, of a link. */
  readonly target?: string;
}

/** One line of a search: a service and those of its endpoints that fit. @see Naming N7 */
export interface SearchEntry {
  /** The full name. */
  readonly name: string;
  /** The endpoints that fit the filter. */
  readonly endpoints: readonly EndpointInit[];
}

/** What a clerk has to say of one endpoint. */
export interface EndpointReport {
  /** The service, behind all links. */
  readonly name: string;
  /** Instance id. */
  readonly id: string;
  /** Its fencing number: what is said of one life of an instance is not said of the next. */
  readonly epoch: number;
  /** `unreachable`: it refused, cut or did not answer, and nothing was heard of it since. `reachable`: it answered lately. */
  readonly verdict: 'unreachable' | 'reachable';
}

/** What one clerk has to say at one moment. */
export interface HealthReport {
  /** Random, and the same for as long as the clerk lives: several reports of one clerk count once. */
  readonly clerk: string;
  /** 1 to 100 of them, each endpoint once. */
  readonly reports: readonly EndpointReport[];
}

/** Everything below a glob at one moment, complete. */
export type Snapshot = ReadonlyMap<string, Resolution> | Readonly<Record<string, Resolution>>;

/**
 * What a clerk needs of a registry. Only `resolve` is required.
 *
 * @example
 * ```ts
 * const port: Registry = { resolve: async (name) => name === '/shop/orders'
 *   ? { kind: 'bound', endpoints: ['http://127.0.0.1:3001'], ttlMs: 2_000 } : { kind: 'absent' } };
 * ```
 */
export interface Registry {
  /**
   * Answers one name. Called at most once at a time for a name by one clerk. Rejects when it cannot tell; absent is
   * an answer. Must settle soon after `context.signal` aborts, and is given up on if it does not.
   */
  resolve(name: string, context: ResolveContext): Promise<Resolution> | Resolution;
  /** Lists the names that a glob fits. */
  list?(glob: string, context: { readonly signal: AbortSignal }): Promise<readonly ListEntry[]>;
  /** Lists services with endpoints whose attributes, zone, host or version equal the filter's. */
  search?(
    glob: string,
    filter: Readonly<Record<string, string>>,
    context: { readonly signal: AbortSignal },
  ): Promise<readonly SearchEntry[]>;
  /**
   * Calls back with the whole snapshot, first as it is and then after every change, until the returned function runs.
   * Not called back synchronously from `watch`; not after the returned function ran; never with a difference.
   * Must not keep the process alive. `onError` says that snapshots have stopped for now; they go on when they go on.
   */
  watch?(
    glob: string,
    onSnapshot: (snapshot: Snapshot) => void,
    onError?: (error: unknown) => void,
  ): () => void;
  /**
   * Has a service started that it called `startable`; resolves when that can be called, to where it listens, and
   * `resolve` names it from then on: what a later answer does not name any more is not called any more. Called once for
   * any number of concurrent callers, and only while nobody runs the service. Rejects with `START_FAILED` and the reason,
   * and with `remainingMs` where it is only too early to try again.
   *
   * @see promises C6.1
   */
  start?(name: string, context: { readonly signal: AbortSignal }): Promise<readonly StartedEndpoint[]>;
  /**
   * Hears whom this clerk cannot reach, and whom it can reach of those that are doubted or marked. Called behind the
   * calls and never on one's path, at most once a second and not while an earlier report is under way; an opinion is
   * repeated every few seconds while it holds, so that a registry may forget what is not. Whether it rejects changes
   * nothing. Must settle soon after the signal aborts, and must not keep the process alive.
   *
   * @see "A Distributed Systems Architecture for the 1990's" B8
   */
  report?(report: HealthReport, context: { readonly signal: AbortSignal }): Promise<void> | void;
  /** Called once, when the clerk is closed. */
  close?(): Promise<void> | void;
}

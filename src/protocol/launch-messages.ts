import type { EndpointMessage } from './lookup-messages.js';

/** Starts a service that has no endpoints. The registry responds when the service can be called. */
export interface LaunchRequest {
  readonly name: string;
  /** Maximum time until the registry responds, in ms. A start that takes longer continues after the response. */
  readonly waitMs?: number;
}

/** The result of a start. */
export interface LaunchResponse {
  /** Canonical name of the service. */
  readonly name: string;
  /** The endpoints that can be called. */
  readonly endpoints: readonly EndpointMessage[];
  /** False if the service was running, or another request had started it. */
  readonly started: boolean;
}

/** Stops the processes that the launcher has started for a service. @see [T7](../../docs/background.md#t7) */
export interface StopRequest {
  readonly name: string;
}

/** Restarts a service with the present content of its manifest. */
export interface ResetRequest {
  readonly name: string;
  /**
   * Whether running instances are replaced one by one, each after its calls have ended. Default false: all instances
   * are stopped before new ones start.
   */
  readonly rolling?: boolean;
}

/** The result of a stop. */
export interface StopResponse {
  /** Number of stopped process groups. */
  readonly stopped: number;
}

/** The line that a launched service reads from standard input. @see [T6](../../docs/background.md#t6), [T9](../../docs/background.md#t9) */
export interface LaunchHandshake {
  readonly v: 1;
  readonly registry: readonly string[];
  readonly name: string;
  readonly instance: string;
  readonly epoch: number;
  readonly ticket: string;
  /**
   * From an open registry: the secret from which the registry computes its `launchProof`. From a secured registry: the
   * pin of the key of the registry.
   */
  readonly registryKey: string;
  /** Names that the service had before it was moved. The program may still use them. Default none. */
  readonly formerNames?: readonly string[];
}

/** What a program in a world can see of it. */
import type { FakeRuntime, MemoryNetwork } from 'binding-clerk/testing';
import type { FaultInjector } from './fault-injector.js';
import type { Coverage } from './coverage.js';
import type { CallRecord, Oracle } from './oracle.js';
import type { ClerkRuntime } from './clerk-runtime.js';
import type { ClientRegistry } from './simulated-registry.js';
import type { Replicas } from './replicas.js';
import type { Scenario } from './scenario.js';
import type { FaultMix } from './fault-mix.js';
import type { GroundTruth } from './ground-truth.js';

export interface SimulationContext {
  readonly seed: number;
  readonly scenario: Scenario;
  /** Faults, and how strong they are. */
  readonly faultMix: FaultMix;
  /** All that can be called. */
  readonly names: readonly string[];
  readonly runtime: FakeRuntime;
  readonly network: MemoryNetwork;
  readonly truth: GroundTruth;
  readonly replicas: Replicas;
  readonly faults: FaultInjector;
  readonly oracle: Oracle;
  readonly coverage: Coverage;
  readonly log: (line: string) => void;
  /** The troubles are over. */
  readonly healed: boolean;
  /** All calls by their id. */
  readonly calls: Map<string, CallRecord>;
  /** Executions of talks, by call. */
  readonly customCallRuns: Map<string, number>;
  /** The registry as one program sees it. */
  registryOf(clerk: string, runtime: ClerkRuntime): ClientRegistry;
  /** Longest time after an answer was sent for that a clerk may use it as fresh, in ms. */
  readonly usableMs: number;
  /** Shortest age at which an answer may be called stale, in ms. */
  readonly staleAfterMs: number;
}

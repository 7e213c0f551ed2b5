import type { FakeRuntime, MemoryNetwork } from 'binding-clerk/testing';
import type { FaultInjector } from './fault-injector.js';
import type { Coverage } from './coverage.js';
import type { CallerHabits } from './dominance/caller-habits.js';
import type { DominanceOracle } from './dominance/dominance-oracle.js';
import type { CallRecord, Oracle } from './oracle.js';
import type { ClerkRuntime } from './clerk-runtime.js';
import type { ClientRegistry } from './simulated-registry.js';
import type { Replicas } from './replicas.js';
import type { Scenario } from './scenario.js';
import type { FaultMix } from './fault-mix.js';
import type { GroundTruth } from './ground-truth.js';

/** What a simulated client can access of its simulation. */
export interface SimulationContext {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly faultMix: FaultMix;
  /** All names that can be called. */
  readonly names: readonly string[];
  readonly runtime: FakeRuntime;
  readonly network: MemoryNetwork;
  readonly truth: GroundTruth;
  readonly replicas: Replicas;
  readonly faults: FaultInjector;
  readonly oracle: Oracle;
  readonly dominance: DominanceOracle;
  readonly habits: CallerHabits;
  readonly coverage: Coverage;
  readonly log: (line: string) => void;
  /** All faults have ended. */
  readonly healed: boolean;
  /** All calls by id. */
  readonly calls: Map<string, CallRecord>;
  /** Executions of custom-protocol calls, by call id. */
  readonly customCallRuns: Map<string, number>;
  /** The registry of one client. */
  registryOf(clerk: string, runtime: ClerkRuntime): ClientRegistry;
  /** Longest time after a lookup request for which its result may be used as fresh, in ms. */
  readonly usableMs: number;
  /** Shortest age at which a result may be reported as stale, in ms. */
  readonly staleAfterMs: number;
}

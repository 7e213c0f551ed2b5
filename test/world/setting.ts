/** What a program in a world can see of it. */
import type { FakeRuntime, MemoryNetwork } from 'binding-clerk/testing';
import type { Faults } from './faults.js';
import type { Marks } from './marks.js';
import type { CallRecord, Oracle } from './oracle.js';
import type { ClerkRuntime } from './clerk-runtime.js';
import type { ProgramRegistry } from './registry.js';
import type { Replicas } from './replicas.js';
import type { Shape } from './shape.js';
import type { Swarm } from './swarm.js';
import type { Truth } from './truth.js';

export interface Setting {
  readonly seed: number;
  readonly shape: Shape;
  /** Faults, and how strong they are. */
  readonly swarm: Swarm;
  /** All that can be called. */
  readonly names: readonly string[];
  readonly runtime: FakeRuntime;
  readonly network: MemoryNetwork;
  readonly truth: Truth;
  readonly replicas: Replicas;
  readonly faults: Faults;
  readonly oracle: Oracle;
  readonly marks: Marks;
  readonly log: (line: string) => void;
  /** The troubles are over. */
  readonly healed: boolean;
  /** All calls by their id. */
  readonly calls: Map<string, CallRecord>;
  /** Executions of talks, by call. */
  readonly talkRuns: Map<string, number>;
  /** The registry as one program sees it. */
  registryOf(clerk: string, runtime: ClerkRuntime): ProgramRegistry;
  /** Longest time after an answer was sent for that a clerk may use it as fresh, in ms. */
  readonly usableMs: number;
  /** Shortest age at which an answer may be called stale, in ms. */
  readonly staleAfterMs: number;
}

/**
 * The test kit: virtual time, a network in memory with servers that fail on demand, and conformance suites.
 *
 * @module binding-clerk/testing
 */

// Memory cluster and fake runtime, for tests of programs that use a clerk
export {
  memoryCluster,
  type MemoryCluster,
  type MemoryClusterOptions,
  type MemoryInstance,
  type MemoryServices,
  type MemoryWorld,
} from './memory/memory-cluster.js';
export { createFakeRuntime, type FakeRuntime, type FakeRuntimeOptions } from './fake-runtime.js';
export { seededRandom } from './seeded-random.js';

// Memory network, for simulations without a memory cluster
export {
  createMemoryNetwork,
  type MemoryNetwork,
  type MemoryNetworkOptions,
} from './memory/memory-network.js';
export type { MemoryAttempt } from './memory/memory-exchange.js';
export type {
  Behavior,
  MemoryRequest,
  MemoryServer,
  ServerHandler,
  ServerReply,
} from './memory/memory-request.js';

// Conformance suites, for any test runner
export type { SuiteCase } from './suites/suite-case.js';
export {
  idempotencyStoreSuite,
  type IdempotencyStoreSuiteOptions,
} from './suites/idempotency-store-suite.js';
export type { IdempotencyStoreLocation } from './suites/store-case.js';
export { policySuite, type PolicySuiteOptions } from './suites/policy-suite.js';
export {
  transportSuite,
  type SuiteBehavior,
  type SuiteEndpoint,
  type TransportSuiteOptions,
} from './suites/transport-suite.js';
export { registrySuite } from './suites/registry-suite.js';
export type {
  RegistryCapability,
  RegistryContents,
  RegistrySuiteOptions,
  RegistryUnderTest,
} from './suites/registry-harness.js';

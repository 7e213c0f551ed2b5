/**
 * The test kit: virtual time, a network and servers in memory that break on demand, and the contracts that a registry,
 * a transport or a policy of your own must hold. Every name by hand.
 */

// For programs that test how they use a clerk
export {
  memoryCluster,
  type MemoryCluster,
  type MemoryClusterOptions,
  type MemoryInstance,
  type MemoryServices,
  type MemoryWorld,
} from './memory-cluster.js';
export { createFakeRuntime, type FakeRuntime, type FakeRuntimeOptions } from './fake-runtime.js';
export { seededRandom } from './seeded-random.js';

// For those who build a world of their own
export { createMemoryNetwork, type MemoryNetwork, type MemoryNetworkOptions } from './memory-transport.js';
export type { MemoryAttempt } from './memory-exchange.js';
export type { Fate, MemoryRequest, MemoryServer, Treat, Treatment } from './memory-request.js';

// Contracts, for any test runner
export type { SuiteCase } from './suite.js';
export { callStoreSuite, type CallStorePlace, type CallStoreSuiteOptions } from './call-store-suite.js';
export { policySuite, type PolicySuiteOptions } from './policy-suite.js';
export {
  transportSuite,
  type SuiteBehaviour,
  type SuiteEndpoint,
  type TransportSuiteOptions,
} from './transport-suite.js';
export { registrySuite } from './registry-suite.js';
export type {
  RegistryAbility,
  RegistryContents,
  RegistrySuiteOptions,
  RegistryUnderTest,
} from './registry-under-test.js';

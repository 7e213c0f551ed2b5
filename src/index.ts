/**
 * Entry point of programs that call services by name: clerks, bindings, load-balancing policies, and functions that
 * combine registries. Types for code that implements a registry, policy or transport are in `binding-clerk/extend`.
 *
 * @module binding-clerk
 */

export { createClerk, type Clerk, type ClerkFetch } from './create-clerk.js';
export type { ClerkOptions, BindOptions, HedgeOptions, ProbeOptions } from './client/options.js';
export type { Binding } from './binding/binding.js';
export type { EndpointFailure, EndpointResult, EndpointSuccess } from './binding/gather-responses.js';
export type { AcquiredEndpoint } from './binding/acquire-endpoint.js';
export type {
  AcquireOptions,
  CallOptions,
  ClerkResponse,
  GatherOptions,
  ReadyOptions,
  RequestOptions,
} from './binding/request-options.js';
export type { AttemptTimeoutOptions, RetryBudgetOptions, RetryOptions } from './core/retry-options.js';
export type {
  Explanation,
  ExplainedCandidate,
  ExplainedRetries,
  ExplainedSettings,
  ExcludedEndpoint,
  LearnedAttemptTimeout,
} from './binding/explanation.js';
export type { Resolved } from './client/resolved.js';
export type { NameChange, NameDelete, NamePut } from './client/name-watch.js';
export {
  ClerkError,
  isClerkError,
  type ClerkErrorCode,
  type ClerkErrorDetails,
  type Execution,
} from './core/errors.js';
export type { ClerkEvent, ClerkEventMap } from './core/events.js';
export type { ClerkListener } from './client/events.js';
export type { CallKind } from './core/idempotency.js';
export type { Outcome, Stage, Verdict } from './core/outcome.js';
export type { Endpoint, EndpointInit } from './core/endpoint.js';
export type { EndpointTls } from './core/endpoint-tls.js';
export type {
  CheckedCredentials,
  CredentialProvider,
  Credentials,
  CredentialSource,
  KeyAlgorithm,
} from './core/credentials.js';
export type { KeyPin } from './core/key-pin.js';
export type { AddressString } from './core/address.js';
export type { StaticAddresses, StaticEntry } from './registry/static-registry.js';
export type { Factory, FactoryContext, StartedEndpoint } from './core/factory.js';
export type { CallFunction, CallFunctionContext } from './invoke/custom-call.js';
export { localFirst } from './load-balancing/local-first.js';
export { random } from './load-balancing/random.js';
export { roundRobin } from './load-balancing/round-robin.js';
export { loadAware } from './load-balancing/load-aware.js';
export { firstToRespond } from './load-balancing/first-to-respond.js';
export { leastPending } from './load-balancing/least-pending.js';
export { weighted } from './load-balancing/weighted.js';
export { affinity } from './load-balancing/affinity.js';
export { primary } from './load-balancing/primary.js';
export { firstOf } from './registry/first-of.js';
export { union } from './registry/union.js';
export { mount } from './registry/mount.js';
export {
  remoteRegistry,
  type RegistryRequestContext,
  type RemoteRegistry,
  type RemoteRegistryOptions,
} from './registry/remote/remote-registry.js';
export type { RegistrySource } from './registry/to-registry.js';
export type { ListEntry, ResolutionStep, ScheduledChange, SearchEntry } from './core/registry.js';
export type { PolicyName } from './core/policy.js';
export type { LoadInit } from './core/load-report.js';
export type { TlsOptions } from './core/transport.js';
export type { Interceptor, Interceptors } from './core/interceptors.js';
export type { Logger } from './core/logger.js';

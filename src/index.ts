/** Every public name, by hand: first what programs use, then what extends the clerk. */

// For programs
export { createClerk, type Clerk, type ClerkFetch } from './create-clerk.js';
export type { ClerkOptions, BindOptions, HedgeOptions } from './client/options.js';
export type {
  Binding,
  EndpointResult,
  EndpointFailure,
  EndpointSuccess,
  AcquiredEndpoint,
} from './binding/binding.js';
export type { CallOptions, ClerkResponse, RequestOptions } from './binding/request-options.js';
export type { Explanation, ExplainedCandidate, ExcludedEndpoint } from './binding/explanation.js';
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
export type { AddressString } from './core/address.js';
export type { StaticAddresses, StaticEntry } from './registry/static-registry.js';
export type { Factory, FactoryContext, StartedEndpoint } from './core/factory.js';
export type { CallFunction, CallFunctionContext } from './invoke/custom-call.js';
export { localFirst } from './select/local-first.js';
export { random } from './select/random.js';
export { roundRobin } from './select/round-robin.js';
export { loadAware } from './select/load-aware.js';
export { firstToRespond } from './select/first-to-respond.js';
export { leastPending } from './select/least-pending.js';
export { weighted } from './select/weighted.js';
export { affinity } from './select/affinity.js';
export { primary } from './select/primary.js';
export { firstOf } from './registry/first-of.js';
export { union } from './registry/union.js';
export { mount } from './registry/mount.js';

// For those who extend it
export type {
  Registry,
  ResolveContext,
  Resolution,
  BoundResolution,
  LinkResolution,
  AbsentResolution,
  ResolutionStep,
  ListEntry,
  SearchEntry,
  Snapshot,
  EndpointReport,
  HealthReport,
} from './core/registry.js';
export type {
  Policy,
  PolicyFunction,
  PolicyName,
  Picker,
  PickContext,
  PickerInput,
  Locality,
} from './core/policy.js';
export type { Candidate, SlowStart } from './core/candidate.js';
export type { Load, LoadInit, LoadReport } from './core/load-report.js';
export type { Runtime } from './core/runtime.js';
export type { Clock, Timer } from './core/clock.js';
export type {
  Transport,
  TransportFactory,
  TransportOptions,
  TlsOptions,
  Channel,
  RequestHandler,
  TransportRequest,
  RequestBody,
} from './core/transport.js';
export type { Address } from './core/address.js';
export type { Logger } from './core/logger.js';

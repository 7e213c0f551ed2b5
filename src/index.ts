/** Every public name, by hand: first what programs use, then what extends the clerk. */

// For programs
export { createClerk, type Clerk, type ClerkFetch } from './clerk.js';
export type { ClerkOptions, BindOptions, HedgeOptions } from './options.js';
export type { Binding, Gathered, GatheredError, GatheredReply, Held } from './binding.js';
export type { CallOptions, Reply, RequestOptions } from './request.js';
export type { Explanation, ExplainedCandidate, ExplainedLeftOut } from './explanation.js';
export type { Resolved } from './resolved.js';
export type { Change, DeleteChange, PutChange } from './watch.js';
export {
  ClerkError,
  isClerkError,
  type ClerkErrorCode,
  type ClerkErrorDetails,
  type Execution,
} from './core/errors.js';
export type { ClerkEvent, ClerkEventMap } from './core/events.js';
export type { ClerkListener } from './events.js';
export type { Kind } from './core/call.js';
export type { Outcome, Stage, Verdict } from './core/outcome.js';
export type { Endpoint, EndpointInit } from './core/endpoint.js';
export type { AddressText } from './core/address.js';
export type { StaticAddresses, StaticEntry } from './registry/static.js';
export type { Factory, FactoryContext, Started } from './core/factory.js';
export type { Talk, TalkContext } from './invoke/conversation.js';
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
  Arc,
  ListEntry,
  SearchEntry,
  Snapshot,
  Opinion,
  Report,
} from './core/registry.js';
export type {
  Policy,
  PolicyFunction,
  PolicyWord,
  Picker,
  PickContext,
  Roster,
  Standpoint,
} from './core/policy.js';
export type { Candidate, Warming } from './core/candidate.js';
export type { Load, LoadInit, LoadReport } from './core/load-report.js';
export type { Runtime } from './core/runtime.js';
export type { Clock, Timer } from './core/clock.js';
export type {
  Transport,
  TransportFactory,
  TransportOptions,
  TlsOptions,
  Channel,
  WireHandler,
  WireRequest,
  RequestBody,
} from './core/transport.js';
export type { Address } from './core/address.js';
export type { Logger } from './core/logger.js';

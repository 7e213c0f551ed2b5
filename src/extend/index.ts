/**
 * Types for code that implements a registry, policy, transport or clock for a clerk. A program that only calls
 * services needs nothing from this module.
 *
 * @module binding-clerk/extend
 */

// Types for a registry, which a program passes to `createClerk({ registry })`
export type {
  Registry,
  ResolveContext,
  Resolution,
  BoundResolution,
  LinkResolution,
  AbsentResolution,
  Snapshot,
  EndpointReport,
  HealthReport,
} from '../core/registry.js';

// Types for a policy, which a program passes to `bind(name, { policy })`
export type { Locality } from '../core/locality.js';
export type { Policy, PolicyFunction, Picker, PickContext, PickerInput } from '../core/policy.js';
export type { Candidate, SlowStart } from '../core/candidate.js';
export type { Load, LoadReport } from '../core/load-report.js';

// Types for a transport, clock or source of random numbers, which a program passes to `createClerk({ runtime })`
export type { Runtime } from '../core/runtime.js';
export type { Clock, Timer } from '../core/clock.js';
export type {
  Transport,
  TransportFactory,
  TransportOptions,
  Channel,
  ConnectPolicy,
  ConnectionLimit,
  ProbeRequest,
  RequestHandler,
  TransportRequest,
  RequestBody,
} from '../core/transport.js';
export type { CheckedCredentials, Credentials, CredentialSource, KeyAlgorithm } from '../core/credentials.js';
export type { KeyPin } from '../core/key-pin.js';
export type { Address } from '../core/address.js';

/**
 * Ports and data for code that extends a clerk: registries, policies, transports, clocks. Types only; programs that
 * call services need nothing from here.
 *
 * @module
 */

// A registry: `createClerk({ registry })`
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

// A policy: `bind(name, { policy })`
export type { Policy, PolicyFunction, Picker, PickContext, PickerInput, Locality } from '../core/policy.js';
export type { Candidate, SlowStart } from '../core/candidate.js';
export type { Load, LoadReport } from '../core/load-report.js';

// A transport, a clock, a source of randomness: `createClerk({ runtime })`
export type { Runtime } from '../core/runtime.js';
export type { Clock, Timer } from '../core/clock.js';
export type {
  Transport,
  TransportFactory,
  TransportOptions,
  Channel,
  RequestHandler,
  TransportRequest,
  RequestBody,
} from '../core/transport.js';
export type { Address } from '../core/address.js';

/** Types for planning a command: the command, the context that planning reads, and the resulting plan. */
import type { Hashing } from '../../../protocol/launch-proof.js';
import type {
  DefineRequest,
  DirectoryRequest,
  ExportLine,
  LinkRequest,
  MoveRequest,
  RegisterRequest,
  RemoveRequest,
  WithdrawRequest,
} from '../../../protocol/messages.js';
import type { Caller, LaunchIntent, LaunchRecord } from '../../ports.js';
import type { EndpointStatus } from '../health/endpoint-status.js';
import type { StateChange } from '../state/records.js';

/** A change of the name space that a client, a timer or the launcher requests. */
export type NamingCommand =
  | { readonly kind: 'define'; readonly request: DefineRequest }
  | { readonly kind: 'link'; readonly request: LinkRequest }
  /** `id` is the identifier for a new directory. An existing directory keeps its own identifier. */
  | { readonly kind: 'directory'; readonly request: DirectoryRequest; readonly id: string }
  | { readonly kind: 'move'; readonly request: MoveRequest }
  | { readonly kind: 'remove'; readonly request: RemoveRequest }
  | { readonly kind: 'register'; readonly request: RegisterRequest; readonly caller: Caller }
  | { readonly kind: 'withdraw'; readonly request: WithdrawRequest }
  | { readonly kind: 'import'; readonly lines: readonly ExportLine[] }
  /** Removes endpoints whose lease or drain time has ended. */
  | { readonly kind: 'expire-endpoints'; readonly endpoints: readonly EndpointRef[] }
  | { readonly kind: 'set-status'; readonly changes: readonly StatusChange[] }
  /** Removes a service that no client has defined and that has had no endpoint for 5 minutes. */
  | { readonly kind: 'expire-service'; readonly name: string }
  /** Applies the pending change of an entry once the guarantee of the entry has ended. */
  | { readonly kind: 'apply-pending'; readonly name: string }
  | { readonly kind: 'record-intent'; readonly record: LaunchIntent }
  | { readonly kind: 'update-launch'; readonly record: LaunchRecord }
  | { readonly kind: 'remove-launch'; readonly name: string; readonly instance: string };

/** Refers to one registration of an endpoint. Commands skip the endpoint if its current epoch is not `epoch`. */
export interface EndpointRef {
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
}

/** New status of an endpoint. */
export interface StatusChange extends EndpointRef {
  readonly status: EndpointStatus;
}

/** What planning a command reads, besides the records and the command itself. */
export interface PlanContext {
  /** Returns the time until the entry at a name may change, in ms; 0 when the entry may change now. */
  readonly remainingGuaranteeMs: (name: string, guaranteedMs: number) => number;
  readonly hashing: Hashing;
  /** Maximum number of endpoints that one principal may register. */
  readonly maxRegistrations: number;
  /** Maximum number of endpoints of one service. */
  readonly maxEndpoints: number;
}

/** The planned changes of a command, and the values for its response. */
export interface Plan {
  /** Changes in order; empty when the state already is as requested. */
  readonly changes: readonly StateChange[];
  /** Time until the requested change applies, in ms; 0 when the change applies at once. */
  readonly appliesInMs: number;
  /** Epoch assigned to a registration or to a launch intent. */
  readonly epoch?: number;
  /** Name that the command changes, after links are resolved. */
  readonly name?: string;
  readonly leaseMs?: number;
  readonly proof?: string;
  readonly directoryId?: string;
  readonly launch?: LaunchRecord;
  /** Names that a `remove` command with `force` removes although their guarantees have not ended. */
  readonly brokenGuarantees?: readonly string[];
}

/** A plan without changes. */
export const noChange: Plan = Object.freeze({ changes: Object.freeze([]), appliesInMs: 0 });

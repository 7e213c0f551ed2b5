/** What can be asked of the names, what is known besides, and what it comes to. */
import type { Caller, LaunchRecord } from '../../ports.js';
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
import type { Hashing } from '../../../protocol/launch-proof.js';
import type { EndpointStatus } from '../health/votes.js';
import type { StateChange } from '../state/records.js';

/** What can be asked of the names. */
export type NamingCommand =
  | { readonly kind: 'define'; readonly request: DefineRequest }
  | { readonly kind: 'link'; readonly request: LinkRequest }
  | { readonly kind: 'directory'; readonly request: DirectoryRequest; readonly id: string }
  | { readonly kind: 'move'; readonly request: MoveRequest }
  | { readonly kind: 'remove'; readonly request: RemoveRequest }
  | { readonly kind: 'register'; readonly request: RegisterRequest; readonly caller: Caller }
  | { readonly kind: 'withdraw'; readonly request: WithdrawRequest }
  | { readonly kind: 'import'; readonly lines: readonly ExportLine[] }
  /** Leases that ended, and drained endpoints whose time is over. */
  | { readonly kind: 'drop'; readonly endpoints: readonly EndpointRef[] }
  /** What endpoints are held for, as far as that has changed. */
  | { readonly kind: 'mark'; readonly changes: readonly StatusChange[] }
  /** A service that nobody defined has had no endpoint for long. */
  | { readonly kind: 'vanish'; readonly name: string }
  /** A frozen entry's time has come. */
  | { readonly kind: 'complete'; readonly name: string }
  | {
      readonly kind: 'intend';
      readonly record: Omit<LaunchRecord, 'epoch' | 'state' | 'pid' | 'startTicks' | 'redeemed'>;
    }
  | { readonly kind: 'update'; readonly record: LaunchRecord }
  | { readonly kind: 'forget'; readonly name: string; readonly instance: string };

/** An endpoint that goes, if it is still that one. */
export interface EndpointRef {
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
}

/** What an endpoint is held for, if it is still that one. */
export interface StatusChange extends EndpointRef {
  readonly status: EndpointStatus;
}

/** What the machine is told beside records and command. */
export interface PlanContext {
  /** For how long the promise of an entry still holds, in ms, going by this length of it; 0 when it is over. */
  readonly remainingGuaranteeMs: (name: string, guaranteedMs: number) => number;
  readonly hashing: Hashing;
  /** Endpoints that one principal may have. */
  readonly maxRegistrations: number;
  /** Endpoints of one service. */
  readonly maxEndpoints: number;
}

/** What a command comes to. */
export interface Plan {
  /** In order; empty when all is already as it was asked for. */
  readonly changes: readonly StateChange[];
  /** The change itself comes so many ms from now. */
  readonly inMs: number;
  /** Of a registration or an intent. */
  readonly epoch?: number;
  /** The name that it was about, behind all links. */
  readonly name?: string;
  readonly leaseMs?: number;
  readonly proof?: string;
  /** Of a directory. */
  readonly directoryId?: string;
  readonly launch?: LaunchRecord;
  /** Names whose promises were broken by force. */
  readonly brokenGuarantees?: readonly string[];
}

/** Nothing has to be done. */
export const noChange: Plan = Object.freeze({ changes: Object.freeze([]), inMs: 0 });

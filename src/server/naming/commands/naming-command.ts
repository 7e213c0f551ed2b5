import type { KeyPin } from '../../../core/key-pin.js';
import type {
  AccessChangeRequest,
  GroupRequest,
  LaunchEnrolRequest,
  RevokeRequest,
  TokenRequest,
} from '../../../protocol/identity-messages.js';
import type { Hashing } from '../../../protocol/launch-proof.js';
import type {
  CancelRequest,
  DefineRequest,
  DirectoryRequest,
  ExportLine,
  ImportOptions,
  LinkRequest,
  MoveRequest,
  RemoveRequest,
} from '../../../protocol/naming-messages.js';
import type { RegisterRequest, WithdrawRequest } from '../../../protocol/registration-messages.js';
import type { Caller, IntentConditions, LaunchIntent, LaunchRecord } from '../../ports.js';
import type { EndpointStatus } from '../health/suspect-rule.js';
import type { DifferenceLists } from './import-difference.js';
import type { RegistryIdentity } from '../registry-identity.js';
import type { EntryRecord, SharedReport, StateChange } from '../state/records.js';

export type NamingCommand =
  | { readonly kind: 'define'; readonly request: DefineRequest; readonly caller?: Caller | undefined }
  | { readonly kind: 'link'; readonly request: LinkRequest; readonly caller?: Caller | undefined }
  /** `id` becomes the identifier of a new directory. */
  | {
      readonly kind: 'directory';
      readonly request: DirectoryRequest;
      readonly id: string;
      readonly caller?: Caller | undefined;
    }
  | { readonly kind: 'move'; readonly request: MoveRequest; readonly caller?: Caller | undefined }
  | { readonly kind: 'cancel'; readonly request: CancelRequest; readonly caller?: Caller | undefined }
  | { readonly kind: 'remove'; readonly request: RemoveRequest; readonly caller?: Caller | undefined }
  /** `newSecret` becomes the secret of the registration, if it gets a new epoch. */
  | {
      readonly kind: 'register';
      readonly request: RegisterRequest;
      readonly caller: Caller;
      readonly newSecret: string;
      /** Whether a server registers itself, which needs no right. */
      readonly isOwn?: boolean;
    }
  /** `caller` is undefined when the server itself withdraws the endpoint. The server needs no secret. */
  | { readonly kind: 'withdraw'; readonly request: WithdrawRequest; readonly caller?: Caller | undefined }
  | { readonly kind: 'enrol-operator'; readonly principal: string; readonly pin: KeyPin }
  | {
      readonly kind: 'replace-operator';
      readonly principal: string;
      readonly pin: KeyPin;
      readonly revokeOthers: boolean;
    }
  | {
      readonly kind: 'issue-token';
      readonly request: TokenRequest;
      readonly digest: string;
      readonly caller: Caller;
    }
  | {
      readonly kind: 'enrol-with-token';
      readonly principal: string;
      readonly tokenDigest: string;
      readonly pin: KeyPin;
    }
  | { readonly kind: 'enrol-launched'; readonly request: LaunchEnrolRequest; readonly pin: KeyPin }
  | {
      readonly kind: 'rotate-key';
      readonly principal: string;
      readonly from: KeyPin;
      readonly to: KeyPin;
    }
  | { readonly kind: 'retire-former-keys'; readonly principal: string }
  | { readonly kind: 'revoke-keys'; readonly request: RevokeRequest; readonly caller: Caller }
  | { readonly kind: 'group'; readonly request: GroupRequest; readonly caller: Caller }
  | { readonly kind: 'change-access'; readonly request: AccessChangeRequest; readonly caller: Caller }
  | {
      readonly kind: 'import';
      readonly lines: readonly ExportLine[];
      readonly options: ImportOptions;
      readonly caller?: Caller | undefined;
    }
  | { readonly kind: 'expire-endpoints'; readonly endpoints: readonly EndpointRef[] }
  | { readonly kind: 'set-status'; readonly changes: readonly StatusChange[] }
  | { readonly kind: 'expire-service'; readonly name: string }
  | { readonly kind: 'apply-pending'; readonly name: string }
  | {
      readonly kind: 'record-intent';
      readonly record: LaunchIntent & Pick<LaunchRecord, 'owner' | 'server' | 'host'>;
      readonly conditions?: IntentConditions | undefined;
    }
  | { readonly kind: 'update-launch'; readonly record: LaunchRecord }
  | { readonly kind: 'remove-launch'; readonly name: string; readonly instance: string }
  /** The endpoints renew their leases at `server` from now on. Other servers do not expire these leases. */
  | { readonly kind: 'hold-endpoints'; readonly endpoints: readonly EndpointRef[]; readonly server: string }
  | { readonly kind: 'share-reports'; readonly reports: readonly SharedReport[] }
  /**
   * Stores the session of a server. The server is alive while the session exists. `undefined`: the server has closed, and
   * leaves the list of servers.
   */
  | { readonly kind: 'set-session'; readonly server: string; readonly session: string | undefined }
  /** Starts a new incarnation of the registry, which assigns only epochs above `epochBase`. */
  | { readonly kind: 'new-incarnation'; readonly identity: RegistryIdentity; readonly epochBase: number };

/** Returns the command immediately before it is planned; undefined when the command is no longer needed. */
export type PrepareCommand = () => NamingCommand | undefined;

/** Identifies one registration of an endpoint. A registration with another epoch is another registration. */
export interface EndpointRef {
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
}

export interface StatusChange extends EndpointRef {
  readonly status: EndpointStatus;
}

export interface PlanContext {
  /** Time until an entry may change, in ms; 0 for an entry that may change at once. */
  readonly remainingGuaranteeMs: (name: string, record: EntryRecord) => number;
  readonly now: () => number;
  readonly wallNow: () => number;
  readonly hashing: Hashing;
  /** Id of this server, in a registry with several servers. New registrations renew their leases at this server. */
  readonly server?: string | undefined;
  readonly isServerGone?: ((server: string) => boolean) | undefined;
  readonly maxRegistrations: number;
  readonly maxEndpoints: number;
  readonly maxNames: number;
  readonly maxNamesPerPrincipal: number;
  readonly maxGuaranteedMs: number;
}

export interface Plan {
  /** Changes, in the order in which they are applied. Empty when the state already is as requested. */
  readonly changes: readonly StateChange[];
  readonly appliesInMs: number;
  readonly epoch?: number;
  readonly secret?: string;
  readonly name?: string;
  /** New name of a service that was moved, when the request has the old name. */
  readonly presentName?: string;
  readonly leaseMs?: number;
  readonly proof?: string;
  readonly directoryId?: string;
  readonly launch?: LaunchRecord;
  /** Wall-clock time, in ms since 1970. */
  readonly retiresAt?: number;
  /** Wall-clock time, in ms since 1970. */
  readonly expiresAt?: number;
  readonly pins?: readonly KeyPin[];
  readonly identity?: RegistryIdentity;
  /** Names that a removal with `force` removes before their guarantees have ended. */
  readonly brokenGuarantees?: readonly string[];
  /** What an import changes; undefined for other commands. */
  readonly difference?: DifferenceLists;
}

export const noChange: Plan = Object.freeze({ changes: Object.freeze([]), appliesInMs: 0 });

import type { AccessRight } from '../../core/access-right.js';
import type { KeyTools } from '../../core/credentials.js';
import { isoTime } from '../../core/iso-time.js';
import type { KeyPin } from '../../core/key-pin.js';
import { parseName } from '../../core/name.js';
import { createEnrolToken } from '../../protocol/enrol-token.js';
import type {
  AccessChangeRequest,
  AccessEntry,
  AccessExplainRequest,
  AccessExplainResponse,
  EnrolRequest,
  EnrolResponse,
  GroupRequest,
  IdentityMessage,
  RevokeRequest,
  RevokeResponse,
  RotationRequest,
  TokenRequest,
  TokenResponse,
} from '../../protocol/identity-messages.js';
import type { ChangeResponse } from '../../protocol/naming-messages.js';
import { rotationStatement } from '../../protocol/rotation-statement.js';
import type { AccessGrant, Caller, IdentityService, KeyOwner, RightsBelow, ServerRuntime } from '../ports.js';
import { AccessCache } from './access/access-cache.js';
import { accessEntryOf } from './access/access-triple.js';
import { accessViewOf } from './access/access-view.js';
import { callerAccess, hasRightOnAll } from './access/caller-access.js';
import { describeGrant, directoriesOf, evaluateAccess, type AccessView } from './access/evaluate-access.js';
import { enrolmentRefused } from './commands/enrol-key.js';
import type { NamingCommand } from './commands/naming-command.js';
import { retirementMs } from './commands/rotate-key.js';
import type { CommitResult } from './committer.js';
import type { KeyRetirement } from './key-retirement.js';
import { isLive, type KeyView } from './state/identity-view.js';
import type { NamingState } from './state/naming-state.js';

/** The keys and functions with which a key rotation is checked. */
export interface RegistryKeys {
  readonly tools: Pick<KeyTools, 'pinOfKey' | 'verify'>;
  /** Returns the keys of the registry, the present key first. */
  readonly pins: () => readonly KeyPin[];
}

export interface IdentityDependencies {
  readonly state: NamingState;
  readonly runtime: ServerRuntime;
  /** Undefined in a registry that is not secured. */
  readonly registryKeys: RegistryKeys | undefined;
  readonly retirement: KeyRetirement;
  readonly submit: (command: NamingCommand) => Promise<CommitResult>;
  readonly respond: (result: CommitResult) => ChangeResponse;
}

/** The keys, groups and rights of a registry. */
export class Identities implements IdentityService {
  readonly #deps: IdentityDependencies;
  readonly #view: AccessView;
  readonly #cache: AccessCache;
  /** Wall-clock time of the last use of each key. */
  readonly #usedAt = new Map<KeyPin, number>();

  constructor(deps: IdentityDependencies) {
    this.#deps = deps;
    const { state } = deps;
    this.#view = accessViewOf(state);
    this.#cache = new AccessCache(
      this.#view,
      () => state.identities.accessVersion,
      () => state.identities.directoriesWithTriples(),
    );
  }

  get isInitialized(): boolean {
    return this.#deps.state.identities.keyCount > 0;
  }

  get accessVersion(): number {
    return this.#deps.state.identities.accessVersion;
  }

  ownerOf(pin: KeyPin): KeyOwner | undefined {
    const { state, runtime } = this.#deps;
    const key = state.identities.key(pin);
    if (key !== undefined) return isLive(key, runtime.wallNow()) ? { principal: key.principal } : undefined;
    const launch = state.launchOfKey(pin);
    if (launch === undefined) return undefined;
    return { principal: launch.name, instance: { id: launch.instance, epoch: launch.epoch } };
  }

  touch(pin: KeyPin): void {
    if (this.ownerOf(pin) !== undefined) this.#usedAt.set(pin, this.#deps.runtime.wallNow());
  }

  access(caller: Caller, name: string, right: AccessRight): AccessGrant | undefined {
    return this.#cache.access(caller, name, right);
  }

  rightsBelow(caller: Caller, name: string, right: AccessRight): RightsBelow {
    return this.#cache.below(caller, name, right);
  }

  explain({ principal, path, right }: AccessExplainRequest): AccessExplainResponse {
    const grant = evaluateAccess(this.#view, parseName(principal, 'Principal'), nameOrRoot(path), right);
    return {
      allowed: grant !== undefined,
      reason: describeGrant(grant),
      ...(grant?.kind === 'triple' && {
        entry: accessEntryOf(grant.directory, grant.triple),
        groups: grant.groups,
      }),
    };
  }

  async enrolOperator(principal: string, pin: KeyPin): Promise<void> {
    await this.#deps.submit({ kind: 'enrol-operator', principal, pin });
  }

  async replaceOperator(principal: string, pin: KeyPin, revokeOthers: boolean): Promise<void> {
    await this.#deps.submit({ kind: 'replace-operator', principal, pin, revokeOthers });
  }

  async issueToken(request: TokenRequest, caller: Caller): Promise<TokenResponse> {
    const { runtime, submit } = this.#deps;
    const token = createEnrolToken(runtime);
    const digest = runtime.sha256(token);
    const { expiresAt = 0 } = await submit({ kind: 'issue-token', request, digest, caller });
    const expiresInMs = Math.max(0, expiresAt - runtime.wallNow());
    return { token, expiresInMs, expiresAt: isoTime(expiresAt) };
  }

  async enrol(request: EnrolRequest, pin: KeyPin): Promise<Omit<EnrolResponse, 'registryKeys'>> {
    const { runtime, submit } = this.#deps;
    const { name } = request;
    if ('rotate' in request) return this.#rotate(request, pin);
    if ('token' in request) {
      const tokenDigest = runtime.sha256(request.token);
      await submit({ kind: 'enrol-with-token', principal: name, tokenDigest, pin });
    } else await submit({ kind: 'enrol-launched', request, pin });
    return { name, key: pin };
  }

  async #rotate(
    { name, rotate: { spki, proof } }: RotationRequest,
    from: KeyPin,
  ): Promise<Omit<EnrolResponse, 'registryKeys'>> {
    const { runtime, registryKeys, submit } = this.#deps;
    if (registryKeys === undefined) throw enrolmentRefused();
    const { tools, pins } = registryKeys;
    const key = Buffer.from(spki, 'base64url');
    const to = tools.pinOfKey(key);
    const isProof = (registry: KeyPin): boolean =>
      tools.verify(key, rotationStatement({ principal: name, from, to, registry }), proof);
    if (!pins().some(isProof)) throw enrolmentRefused();
    const { retiresAt = 0 } = await submit({ kind: 'rotate-key', principal: name, from, to });
    this.#deps.retirement.schedule(name, retiresAt);
    return { name, key: to, retiresInMs: Math.max(0, retiresAt - runtime.wallNow()) };
  }

  async revoke(request: RevokeRequest, caller: Caller): Promise<RevokeResponse> {
    const { pins = [] } = await this.#deps.submit({ kind: 'revoke-keys', request, caller });
    for (const pin of pins) this.#usedAt.delete(pin);
    return { revoked: pins, ticketsEndInMs: retirementMs };
  }

  async setGroup(request: GroupRequest, caller: Caller): Promise<ChangeResponse> {
    return this.#deps.respond(await this.#deps.submit({ kind: 'group', request, caller }));
  }

  async changeAccess(request: AccessChangeRequest, caller: Caller): Promise<ChangeResponse> {
    return this.#deps.respond(await this.#deps.submit({ kind: 'change-access', request, caller }));
  }

  listIdentities(principal: string | undefined, caller: Caller): readonly IdentityMessage[] {
    const { state } = this.#deps;
    const mayList = (name: string): boolean =>
      (principal === undefined || name === principal) &&
      callerAccess(this.#view, caller, name, 'admin') !== undefined;
    const found: IdentityMessage[] = [];
    for (const key of state.identities.keys()) if (mayList(key.principal)) found.push(this.#describe(key));
    for (const { name, key, instance: id, epoch, startedAt } of state.launches())
      if (key !== undefined && mayList(name))
        found.push({
          ...{ principal: name, key, enrolledAt: isoTime(startedAt), by: 'launch', instance: { id, epoch } },
          ...this.#lastUse(key),
        });
    const orderOf = ({ principal: owner, enrolledAt }: IdentityMessage): string => `${owner} ${enrolledAt}`;
    return found.sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
  }

  listAccess(path: string | undefined, caller: Caller): readonly AccessEntry[] {
    const { identities } = this.#deps.state;
    const directories =
      path === undefined
        ? [...identities.directoriesWithTriples()].sort()
        : [...directoriesOf(nameOrRoot(path))].reverse();
    return directories.flatMap((directory) =>
      identities
        .triplesIn(directory)
        .filter((compiled) => hasRightOnAll(this.#view, caller, compiled.path, 'admin'))
        .map(({ triple }) => accessEntryOf(directory, triple)),
    );
  }

  #describe({ principal, pin, enrolledAt, by, retiresAt, revokedAt }: KeyView): IdentityMessage {
    return {
      ...{ principal, key: pin, enrolledAt: isoTime(enrolledAt), by },
      ...this.#lastUse(pin),
      ...(retiresAt !== undefined && { retiresAt: isoTime(retiresAt) }),
      ...(revokedAt !== undefined && { revokedAt: isoTime(revokedAt) }),
    };
  }

  #lastUse(pin: KeyPin): Pick<IdentityMessage, 'lastUsedAt'> {
    const at = this.#usedAt.get(pin);
    return at === undefined ? {} : { lastUsedAt: isoTime(at) };
  }
}

function nameOrRoot(path: string): string {
  return path === '/' ? path : parseName(path);
}

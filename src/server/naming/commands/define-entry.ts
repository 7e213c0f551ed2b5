import { ClerkError } from '../../../core/errors.js';
import { parseName } from '../../../core/name.js';
import { limits } from '../../../protocol/limits.js';
import type { DefineRequest, DirectoryRequest, LinkRequest } from '../../../protocol/naming-messages.js';
import type { Caller } from '../../ports.js';
import type { NamingView } from '../state/naming-view.js';
import type { DirectoryRecord, EntryRecord, LinkRecord, ServiceRecord } from '../state/records.js';
import { resolveParentLinks } from '../state/resolve-links.js';
import { hasKnownDescendants, requireAllKnown } from './hidden-names.js';
import { noChange, type Plan, type PlanContext } from './naming-command.js';
import {
  checkGuarantee,
  checkHedgingPolicy,
  checkLaunchRule,
  checkPolicy,
  checkRetryOverrides,
  checkTimeout,
} from './validate-command.js';

/** Record of an implicit service, which exists only because an endpoint was registered. */
export const implicitService: ServiceRecord = Object.freeze({
  kind: 'service',
  defined: false,
  policy: null,
  guaranteedMs: limits.defaultGuaranteedMs,
  launch: null,
});

export function define(view: NamingView, request: DefineRequest, context: PlanContext): Plan {
  const name = resolveParentLinks(view, parseName(request.name));
  const before = view.entry(name);
  if (before !== undefined && before.kind !== 'service') throw nameTakenError(name, before, 'a service');
  const current = before ?? implicitService;
  const {
    policy = current.policy,
    timeoutMs = current.timeoutMs ?? null,
    attemptTimeoutMs = current.attemptTimeoutMs ?? null,
    retries = current.retries ?? null,
    guaranteedMs = current.guaranteedMs,
    launch = current.launch,
  } = request;
  const next: ServiceRecord = {
    kind: 'service',
    defined: true,
    policy: checkPolicy(policy),
    ...(timeoutMs !== null && { timeoutMs: checkTimeout(timeoutMs) }),
    ...checkRetryOverrides(attemptTimeoutMs, retries),
    guaranteedMs: checkGuarantee(guaranteedMs, current.guaranteedMs, context),
    launch: checkLaunchRule(launch),
  };
  checkHedgingPolicy(next.policy, next);
  return replaceEntry(name, before, next, request.whenExpired === true, context);
}

/**
 * Creates a link, or changes its target. A new link hides all names below it, so the caller needs the right `test` on
 * all of them.
 *
 * @param caller - undefined in a registry that is not secured
 */
export function setLink(
  view: NamingView,
  request: LinkRequest & { readonly moved?: boolean },
  caller: Caller | undefined,
  context: PlanContext,
): Plan {
  const requested = parseName(request.name);
  const name = resolveParentLinks(view, requested);
  const target = parseName(request.target, 'Target');
  const before = view.entry(name);
  if (before !== undefined && before.kind !== 'link') throw nameTakenError(name, before, 'a link');
  if (before === undefined) {
    requireAllKnown(view, caller, name, requested);
    if (hasKnownDescendants(view, caller, name))
      throw new ClerkError(
        'FORBIDDEN',
        `${name} cannot become a link, because there are names below ${name}; move or remove those names first`,
      );
  }
  if (target === name || target.startsWith(`${name}/`))
    throw new ClerkError(
      'CONFIG_INVALID',
      `The target of link ${name} must not be the link itself or a name below it; got ${target}`,
    );
  const guaranteedMs = checkGuarantee(
    request.guaranteedMs ?? before?.guaranteedMs ?? limits.defaultGuaranteedMs,
    before?.guaranteedMs ?? limits.defaultGuaranteedMs,
    context,
  );
  // The flag `moved` stays set while the target stays the same.
  const isMoved =
    before === undefined ? request.moved === true : before.moved === true && before.target === target;
  const next: LinkRecord = { kind: 'link', target, ...(isMoved && { moved: true }), guaranteedMs };
  return replaceEntry(name, before, next, request.whenExpired === true, context);
}

/**
 * Creates a directory, or changes its guarantee. A directory keeps its identifier.
 *
 * @param newId - identifier of a new directory
 */
export function createDirectory(
  view: NamingView,
  request: DirectoryRequest,
  newId: string,
  context: PlanContext,
): Plan {
  const name = resolveParentLinks(view, parseName(request.name));
  const before = view.entry(name);
  if (before !== undefined && before.kind !== 'directory') throw nameTakenError(name, before, 'a directory');
  const id = before?.id ?? newId;
  // The error hides the name of the other directory, because the caller may not have the right to see it.
  if (before === undefined && view.directoryName(id) !== undefined)
    throw new ClerkError(
      'FORBIDDEN',
      `Directory identifier ${id} belongs to another directory and cannot be used for ${name}; give ${name} another identifier`,
    );
  const guaranteedMs = checkGuarantee(
    request.guaranteedMs ?? before?.guaranteedMs ?? limits.defaultGuaranteedMs,
    before?.guaranteedMs ?? limits.defaultGuaranteedMs,
    context,
  );
  const next: DirectoryRecord = { kind: 'directory', id, guaranteedMs };
  return { ...replaceEntry(name, before, next, request.whenExpired === true, context), directoryId: id };
}

/**
 * Returns the error for a change that comes before the guarantee of the entry has ended.
 *
 * @param isFrozen - whether another change already waits for the end of the guarantee
 * @see [C1.2](../../../../docs/guarantees.md#c1-2)
 */
export function changeTooEarly(name: string, remainingMs: number, isFrozen: boolean): ClerkError {
  const ms = Math.ceil(remainingMs);
  return new ClerkError(
    'CHANGE_TOO_EARLY',
    isFrozen
      ? `${name} is frozen: an earlier change of ${name} applies in ${ms} ms; cancel that change, or retry after that time`
      : `${name} is guaranteed not to change for at least another ${ms} ms, and each lookup may extend this time; pass whenExpired to schedule the change`,
    { remainingMs: ms },
  );
}

/**
 * Replaces the record of an entry. Before the guarantee of the entry has ended, the change is rejected; with
 * `whenExpired` it is scheduled. A scheduled change freezes the entry: every different change is rejected, and a
 * repeat of the same change has no effect.
 */
export function replaceEntry(
  name: string,
  before: EntryRecord | undefined,
  next: EntryRecord,
  whenExpired: boolean,
  context: PlanContext,
): Plan {
  const replaced: Plan = { changes: [{ kind: 'entry', name, record: next }], appliesInMs: 0, name };
  if (before === undefined) return replaced;
  const isFrozen = before.pending !== undefined && before.pending.kind !== 'expire';
  if (!isFrozen) {
    if (isSameRecord({ ...before, pending: undefined }, next)) return { ...noChange, name };
    // A change of `defined` alone applies at once, because lookups do not show `defined`.
    const isOnlyDefined = next.kind === 'service' && isSameRecord({ ...next, defined: false }, before);
    if (isOnlyDefined && before.pending === undefined) return replaced;
  }
  const appliesInMs = context.remainingGuaranteeMs(name, before);
  if (appliesInMs === 0 && !isFrozen) return replaced;
  if (whenExpired && before.pending?.kind === 'replace' && isSameRecord(before.pending.record, next))
    return { ...noChange, appliesInMs, name };
  if (!whenExpired || isFrozen) throw changeTooEarly(name, appliesInMs, isFrozen);
  const record: EntryRecord = { ...before, pending: { kind: 'replace', record: next } };
  return { changes: [{ kind: 'entry', name, record }], appliesInMs, name };
}

function isSameRecord(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

export function nameTakenError(name: string, { kind }: EntryRecord, wanted: string): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `${name} is a ${kind} and cannot become ${wanted}; remove the ${kind} first`,
  );
}

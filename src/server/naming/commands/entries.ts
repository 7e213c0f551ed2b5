/** Commands that make and change entries: services, links, directories, and many of them at once. */
import { ClerkError, isClerkError } from '../../../core/errors.js';
import { parseName } from '../../../core/name.js';
import { quote } from '../../../core/describe-value.js';
import { limits } from '../../../protocol/limits.js';
import type { DefineRequest, ExportLine, LinkRequest } from '../../../protocol/messages.js';
import { checkLaunchRule, checkPolicy, checkGuarantee, checkTimeout } from './validate-command.js';
import { noChange, type Plan, type PlanContext } from './naming-command.js';
import { Overlay } from '../state/overlay.js';
import { changeTooEarly } from './change-too-early.js';
import type { EntryRecord, LinkRecord, ServiceRecord } from '../state/records.js';
import { hasDescendants, type NamingView } from '../state/naming-view.js';
import { resolveParentLinks } from '../state/resolve-links.js';

/** What a service is that nobody has said anything of. */
export const implicitService: ServiceRecord = Object.freeze({
  kind: 'service',
  defined: false,
  policy: null,
  guaranteedMs: limits.defaultGuaranteedMs,
  launch: null,
});

/** Defines a service or changes its rules. */
export function define(view: NamingView, request: DefineRequest, surroundings: PlanContext): Plan {
  const name = resolveParentLinks(view, parseName(request.name));
  const before = view.entry(name);
  if (before !== undefined && before.kind !== 'service') throw nameTakenError(name, before, 'a service');
  const { policy, timeoutMs = null, guaranteedMs, launch } = before ?? implicitService;
  const time = checkTimeout(request.timeoutMs === undefined ? timeoutMs : request.timeoutMs);
  const next: ServiceRecord = {
    kind: 'service',
    defined: true,
    policy: checkPolicy(request.policy === undefined ? policy : request.policy),
    ...(time !== null && { timeoutMs: time }),
    guaranteedMs: checkGuarantee(request.guaranteedMs ?? guaranteedMs),
    launch: checkLaunchRule(request.launch === undefined ? launch : request.launch),
  };
  return replaceEntry(name, before, next, request.whenExpired === true, surroundings);
}

/** Makes a link or leads it elsewhere. @see GNS G2 */
export function setLink(view: NamingView, request: LinkRequest, surroundings: PlanContext): Plan {
  const name = resolveParentLinks(view, parseName(request.name));
  const target = parseName(request.target, 'Target');
  const before = view.entry(name);
  if (before !== undefined && before.kind !== 'link') throw nameTakenError(name, before, 'a link');
  if (before === undefined && hasDescendants(view, name))
    throw new ClerkError('FORBIDDEN', `${name} cannot be a link: there are names below it; move them first`);
  if (target === name || target.startsWith(`${name}/`))
    throw new ClerkError('CONFIG_INVALID', `The link ${name} would lead to itself (${target})`);
  const guaranteedMs = checkGuarantee(
    request.guaranteedMs ?? before?.guaranteedMs ?? limits.defaultGuaranteedMs,
  );
  const next: LinkRecord = { kind: 'link', target, guaranteedMs };
  return replaceEntry(name, before, next, request.whenExpired === true, surroundings);
}

/** Makes a directory; one that is there keeps its identifier. @see GNS G1 */
export function createDirectory(view: NamingView, requestedName: string, id: string): Plan {
  const name = resolveParentLinks(view, parseName(requestedName));
  const before = view.entry(name);
  if (before?.kind === 'directory') return { ...noChange, directoryId: before.id };
  if (before !== undefined) throw nameTakenError(name, before, 'a directory');
  const elsewhere = view.directoryName(id);
  if (elsewhere !== undefined)
    throw new ClerkError('FORBIDDEN', `${name} cannot be the directory ${id}: ${elsewhere} is`);
  const record: EntryRecord = { kind: 'directory', id, guaranteedMs: limits.defaultGuaranteedMs };
  return { changes: [{ kind: 'entry', name, record }], inMs: 0, directoryId: id };
}

/** Takes all lines or none. */
export function importEntries(
  view: NamingView,
  lines: readonly ExportLine[],
  surroundings: PlanContext,
): Plan {
  const overlay = new Overlay(view);
  for (const [index, line] of lines.entries()) {
    try {
      overlay.add(importLine(overlay, line, surroundings).changes);
    } catch (error) {
      if (!isClerkError(error)) throw error;
      const { code, message, remainingMs } = error;
      throw new ClerkError(code, `Line ${index + 1}: ${message}`, {
        ...(remainingMs !== undefined && { remainingMs }),
        cause: error,
      });
    }
  }
  return { changes: overlay.changes, inMs: 0 };
}

function importLine(view: NamingView, line: ExportLine, surroundings: PlanContext): Plan {
  // Lines come from outside; what kind they are is for them to say.
  const { kind } = line as { readonly kind: unknown };
  switch (line.kind) {
    case 'service':
      return define(view, line, surroundings);
    case 'link':
      return setLink(view, line, surroundings);
    case 'directory': {
      parseName(`/${line.id}`, 'Identifier');
      if (!line.id.startsWith('#'))
        throw new ClerkError(
          'NAME_INVALID',
          `The directory ${quote(line.name)} has the identifier ${quote(line.id)}; one begins with '#'`,
        );
      const planned = createDirectory(view, line.name, line.id);
      if (planned.directoryId === line.id) return planned;
      throw new ClerkError(
        'FORBIDDEN',
        `The directory ${line.name} has the identifier ${planned.directoryId ?? ''} already, which never changes`,
      );
    }
    default:
      throw new ClerkError(
        'CONFIG_INVALID',
        `A line is of the kind ${quote(kind)}; service, link and directory are known`,
      );
  }
}

/** Puts a record in the place of another, now or when all promises of it have run out. */
function replaceEntry(
  name: string,
  before: ServiceRecord | LinkRecord | undefined,
  next: ServiceRecord | LinkRecord,
  whenExpired: boolean,
  surroundings: PlanContext,
): Plan {
  const done: Plan = { changes: [{ kind: 'entry', name, record: next }], inMs: 0, name };
  if (before === undefined) return done;
  const isFrozen = before.pending !== undefined && before.pending.kind !== 'vanish';
  if (!isFrozen) {
    if (isSameRecord({ ...before, pending: undefined }, next)) return { ...noChange, name };
    // That somebody stands behind a service now changes nothing that was promised.
    const isOnlyDefined = next.kind === 'service' && isSameRecord({ ...next, defined: false }, before);
    if (isOnlyDefined && before.pending === undefined) return done;
  }
  const inMs = surroundings.remainingGuaranteeMs(name, before.guaranteedMs);
  if (inMs === 0 && !isFrozen) return done;
  if (!whenExpired || isFrozen) throw changeTooEarly(name, inMs, isFrozen);
  const record: EntryRecord = { ...before, pending: { kind: 'become', record: next } };
  return { changes: [{ kind: 'entry', name, record }], inMs, name };
}

function isSameRecord(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function nameTakenError(name: string, { kind }: EntryRecord, wanted: string): ClerkError {
  return new ClerkError('FORBIDDEN', `${name} is a ${kind} and cannot be ${wanted} too; remove it first`);
}

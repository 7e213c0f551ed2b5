import { ClerkError, isClerkError } from '../../../core/errors.js';
import { quote } from '../../../core/describe-value.js';
import { parseName } from '../../../core/name.js';
import type { ExportLine } from '../../../protocol/naming-messages.js';
import type { Caller } from '../../ports.js';
import type { NamingView } from '../state/naming-view.js';
import { Overlay } from '../state/overlay.js';
import type { EntryRecord, StateChange } from '../state/records.js';
import { isSecured, requireWrite } from './authorize.js';
import { checkImportSize } from './change-size.js';
import { createDirectory, define, setLink } from './define-entry.js';
import { differenceOf, type ImportedEntry } from './import-difference.js';
import type { NamingCommand, Plan, PlanContext } from './naming-command.js';
import { prunedEntries } from './prune-entries.js';
import { removalChanges } from './remove-entry.js';
import { changeAccess } from './set-access.js';
import { setGroup } from './set-group.js';

/** An entry of the import, with the changes that apply it. */
interface PlannedEntry extends ImportedEntry {
  readonly changes: readonly StateChange[];
}

/**
 * Imports all lines or none, at most 2,000 lines. Error messages begin with the number of the rejected line. With
 * `whenExpired`, all changes and removals of existing entries apply together, when their longest guarantee has ended.
 * A dry run reports each change that must wait for a guarantee as scheduled, and does not reject the import.
 */
export function* importEntries(
  view: NamingView,
  { lines, caller, options }: Extract<NamingCommand, { readonly kind: 'import' }>,
  context: PlanContext,
): Generator<readonly StateChange[], Plan> {
  checkImportSize(lines);
  const { dryRun = false, prune = false } = options;
  const whenExpired = dryRun || options.whenExpired === true;
  const overlay = new Overlay(view);
  const planned: PlannedEntry[] = [];
  for (const [index, line] of lines.entries()) {
    const entry = atLine(index, () => importLine(overlay, line, caller, whenExpired, context));
    planned.push(entry);
    overlay.add(entry.changes);
    yield dryRun ? [] : entry.changes;
  }
  if (prune) {
    const named = new Set(planned.map(({ name }) => name));
    for (const entry of prunedEntries(view, caller, named, whenExpired, context)) {
      if (entry === undefined) yield [];
      else {
        const changes = entry.appliesInMs > 0 ? [] : changesOf(view, entry);
        planned.push({ ...entry, changes });
        yield dryRun ? [] : changes;
      }
    }
  }
  return togetherPlan(view, planned);
}

/**
 * If one change must wait for a guarantee, all changes of existing entries wait. New entries and rights apply at
 * once.
 */
function togetherPlan(view: NamingView, planned: readonly PlannedEntry[]): Plan {
  const appliesInMs = planned.reduce((longest, entry) => Math.max(longest, entry.appliesInMs), 0);
  const changes: StateChange[] = [];
  const entries = planned.map((entry): ImportedEntry => {
    const isPresent = view.entry(entry.name) !== undefined && entry.kind !== 'access';
    if (appliesInMs === 0 || entry.isUnchanged || !isPresent) {
      changes.push(...entry.changes);
      return entry;
    }
    const { name, before, next } = entry;
    const record = {
      ...before,
      pending: next === undefined ? { kind: 'remove' } : { kind: 'replace', record: next },
    } as EntryRecord;
    changes.push({ kind: 'entry', name, record });
    return { ...entry, appliesInMs };
  });
  return { changes, appliesInMs, difference: differenceOf(entries) };
}

function changesOf(view: NamingView, { name, next }: ImportedEntry): readonly StateChange[] {
  return next === undefined ? removalChanges(view, [name]) : [{ kind: 'entry', name, record: next }];
}

function atLine<T>(index: number, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!isClerkError(error)) throw error;
    const { code, message, remainingMs } = error;
    throw new ClerkError(code, `Line ${index + 1}: ${message}`, {
      ...(remainingMs !== undefined && { remainingMs }),
      cause: error,
    });
  }
}

function importLine(
  view: NamingView,
  line: ExportLine,
  caller: Caller | undefined,
  whenExpired: boolean,
  context: PlanContext,
): PlannedEntry {
  if (line.kind === 'access') {
    const { changes } = changeAccess(view, { ...line, change: 'allow' }, caller);
    const isUnchanged = changes.length === 0;
    const name = line.directory;
    return { kind: 'access', name, before: undefined, next: undefined, isUnchanged, appliesInMs: 0, changes };
  }
  if (isSecured(view)) requireWrite(view, caller, line.name);
  const { changes, appliesInMs, name = line.name } = planLine(view, line, caller, whenExpired, context);
  const before = view.entry(name);
  const [change] = changes;
  const after = change?.kind === 'entry' ? change.record : before;
  const pending = appliesInMs > 0 ? after?.pending : undefined;
  const next = pending?.kind === 'replace' ? (pending.record as EntryRecord) : after;
  const isUnchanged = changes.length === 0;
  return { kind: line.kind, name, before, next, isUnchanged, appliesInMs, changes };
}

function planLine(
  view: NamingView,
  line: Exclude<ExportLine, { readonly kind: 'access' }>,
  caller: Caller | undefined,
  whenExpired: boolean,
  context: PlanContext,
): Plan {
  // The line comes from a client, so `kind` may have any value.
  const { kind } = line as { readonly kind: unknown };
  switch (line.kind) {
    case 'group':
      return setGroup(view, { ...line, whenExpired }, context);
    case 'service':
      return define(view, { ...line, whenExpired }, context);
    case 'link':
      return setLink(view, { ...line, whenExpired }, caller, context);
    case 'directory': {
      parseName(`/${line.id}`, 'Identifier');
      if (!line.id.startsWith('#'))
        throw new ClerkError(
          'NAME_INVALID',
          `The identifier of directory ${quote(line.name)} must begin with '#'; got ${quote(line.id)}`,
        );
      const planned = createDirectory(view, { ...line, whenExpired }, line.id, context);
      if (planned.directoryId === line.id) return planned;
      throw new ClerkError(
        'FORBIDDEN',
        `The identifier of directory ${line.name} cannot change from ${planned.directoryId ?? ''} to ${line.id}; use ${planned.directoryId ?? ''} in this line`,
      );
    }
    default:
      throw new ClerkError(
        'CONFIG_INVALID',
        `The field kind must be service, link, directory, group or access; got ${quote(kind)}`,
      );
  }
}

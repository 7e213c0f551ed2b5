import { ClerkError, isClerkError } from '../../../core/errors.js';
import { limits } from '../../../protocol/limits.js';
import { accessViewOf } from '../access/access-view.js';
import { callerAccess } from '../access/caller-access.js';
import type { Caller } from '../../ports.js';
import type { NamingView } from '../state/naming-view.js';
import type { EntryRecord, PendingChange } from '../state/records.js';
import { isSecured } from './authorize.js';
import { changeTooEarly, implicitService } from './define-entry.js';
import type { ImportedEntry } from './import-difference.js';
import type { PlanContext } from './naming-command.js';

/** Number of names that are read before other work may run. */
const namesPerPart = 256;

/**
 * Yields the services, links and directories that an import with `prune` removes: entries without a line in the import,
 * which the caller may change. A service with endpoints loses only its definition. Links that moves left stay: clients
 * may still use the old names. Yields undefined when other work may run.
 *
 * @throws {@link ClerkError} `CHANGE_TOO_EARLY` without `whenExpired` before a guarantee has ended, and for an entry
 *   with a different scheduled change; `LIMIT_EXCEEDED` above 2,000 entries
 */
export function* prunedEntries(
  view: NamingView,
  caller: Caller | undefined,
  named: ReadonlySet<string>,
  whenExpired: boolean,
  context: PlanContext,
): Generator<ImportedEntry | undefined> {
  const access = isSecured(view) ? accessViewOf(view) : undefined;
  let read = 0;
  let count = 0;
  for (const name of view.descendants('')) {
    if (++read % namesPerPart === 0) yield undefined;
    const before = view.entry(name);
    if (before === undefined || named.has(name) || !isPrunable(before)) continue;
    if (access !== undefined && callerAccess(access, caller, name, 'write') === undefined) continue;
    if (++count > limits.maxChangedNames)
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `An import with prune can remove at most ${limits.maxChangedNames} names, but more names than that have no line in the import; remove some of these names before the import`,
      );
    yield pruned(view, name, before, whenExpired, context);
  }
}

function isPrunable(record: EntryRecord): boolean {
  if (record.kind === 'service') return record.defined;
  return record.kind === 'directory' || (record.kind === 'link' && record.moved !== true);
}

function pruned(
  view: NamingView,
  name: string,
  before: EntryRecord,
  whenExpired: boolean,
  { remainingGuaranteeMs }: PlanContext,
): ImportedEntry {
  const { kind, pending } = before as { kind: 'service' | 'link' | 'directory' } & EntryRecord;
  const appliesInMs = remainingGuaranteeMs(name, before);
  const isFrozen = pending !== undefined && pending.kind !== 'expire';
  const isWaiting = appliesInMs > 0 || isFrozen;
  // An endpoint may register before the removal applies. The service therefore becomes implicit, and an implicit
  // service ends when it has no endpoints.
  const isKept = kind === 'service' && (isWaiting || view.endpointCount(name) > 0);
  const next = isKept ? implicitService : undefined;
  const isUnchanged = whenExpired && isRemoval(pending);
  if (isWaiting && !isUnchanged && (isFrozen || !whenExpired))
    throw missingLine(name, changeTooEarly(name, appliesInMs, isFrozen));
  return { kind, name, before, next, isUnchanged, appliesInMs };
}

/** Whether the scheduled change is a removal, by a request or by an earlier import with `prune`. */
function isRemoval(pending: PendingChange | undefined): boolean {
  if (pending?.kind === 'replace') return pending.record.kind === 'service' && !pending.record.defined;
  return pending?.kind === 'remove';
}

function missingLine(name: string, error: unknown): unknown {
  if (!isClerkError(error)) return error;
  const { code, message, remainingMs = 0 } = error;
  return new ClerkError(
    code,
    `The import has no line for ${name}, and ${name} cannot be removed yet: ${message}`,
    {
      remainingMs,
    },
  );
}

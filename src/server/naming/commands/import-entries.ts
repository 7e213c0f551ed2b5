import { ClerkError, isClerkError } from '../../../core/errors.js';
import { quote } from '../../../core/describe-value.js';
import { parseName } from '../../../core/name.js';
import type { ExportLine } from '../../../protocol/naming-messages.js';
import type { Caller } from '../../ports.js';
import type { NamingView } from '../state/naming-view.js';
import { Overlay } from '../state/overlay.js';
import type { StateChange } from '../state/records.js';
import { isSecured, requireWrite } from './authorize.js';
import { checkImportSize } from './change-size.js';
import { createDirectory, define, setLink } from './entries.js';
import { changeAccess } from './set-access.js';
import { setGroup } from './set-group.js';
import type { Plan, PlanContext } from './naming-command.js';

/** Imports all lines or none, at most 2,000. Error messages begin with the number of the rejected line. */
export function* importEntries(
  view: NamingView,
  lines: readonly ExportLine[],
  caller: Caller | undefined,
  context: PlanContext,
): Generator<readonly StateChange[], Plan> {
  checkImportSize(lines);
  const overlay = new Overlay(view);
  for (const [index, line] of lines.entries()) {
    try {
      const { changes } = importLine(overlay, line, caller, context);
      overlay.add(changes);
      yield changes;
    } catch (error) {
      if (!isClerkError(error)) throw error;
      const { code, message, remainingMs } = error;
      throw new ClerkError(code, `Line ${index + 1}: ${message}`, {
        ...(remainingMs !== undefined && { remainingMs }),
        cause: error,
      });
    }
  }
  return { changes: overlay.changes, appliesInMs: 0 };
}

function importLine(
  view: NamingView,
  line: ExportLine,
  caller: Caller | undefined,
  context: PlanContext,
): Plan {
  // The line comes from a client, so `kind` may have any value.
  const { kind } = line as { readonly kind: unknown };
  if (line.kind === 'access') return changeAccess(view, { ...line, change: 'allow' }, caller);
  if (isSecured(view)) requireWrite(view, caller, line.name);
  switch (line.kind) {
    case 'group':
      return setGroup(view, line, context);
    case 'service':
      return define(view, line, context);
    case 'link':
      return setLink(view, line, caller, context);
    case 'directory': {
      parseName(`/${line.id}`, 'Identifier');
      if (!line.id.startsWith('#'))
        throw new ClerkError(
          'NAME_INVALID',
          `The identifier of directory ${quote(line.name)} must begin with '#'; got ${quote(line.id)}`,
        );
      const planned = createDirectory(view, line.name, line.id);
      if (planned.directoryId === line.id) return planned;
      throw new ClerkError(
        'FORBIDDEN',
        `The identifier of directory ${line.name} must stay ${planned.directoryId ?? ''}; got ${line.id}`,
      );
    }
    default:
      throw new ClerkError(
        'CONFIG_INVALID',
        `The kind of a line must be service, link, directory, group or access; got ${quote(kind)}`,
      );
  }
}

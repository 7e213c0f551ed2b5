/**
 * The names as a machine: records, a command and what time says of promises in, changes of records and the answer out,
 * or a refusal that changes nothing. It reads no clock, draws no chance and touches nothing else, so that a log of
 * commands can be played again.
 */
import type { NamingCommand, Plan, PlanContext } from './naming-command.js';
import { expireEndpoints, setStatuses, register, withdraw } from './register-endpoint.js';
import { removeLaunch, recordIntent, updateLaunch } from './launches.js';
import { move } from './move-entry.js';
import { applyPending, remove, expireService } from './remove-entry.js';
import { define, createDirectory, importEntries, setLink } from './entries.js';
import type { NamingView } from '../state/naming-view.js';

/**
 * Plans one command.
 *
 * @throws ClerkError when it is refused
 */
export function plan(view: NamingView, command: NamingCommand, context: PlanContext): Plan {
  switch (command.kind) {
    case 'define':
      return define(view, command.request, context);
    case 'link':
      return setLink(view, command.request, context);
    case 'directory':
      return createDirectory(view, command.request.name, command.id);
    case 'move':
      return move(view, command.request, context);
    case 'remove':
      return remove(view, command.request, context);
    case 'register':
      return register(view, command.request, command.caller, context);
    case 'withdraw':
      return withdraw(view, command.request);
    case 'import':
      return importEntries(view, command.lines, context);
    case 'drop':
      return expireEndpoints(view, command.endpoints);
    case 'mark':
      return setStatuses(view, command.changes);
    case 'vanish':
      return expireService(view, command.name, context);
    case 'complete':
      return applyPending(view, command.name);
    case 'intend':
      return recordIntent(view, command.record);
    case 'update':
      return updateLaunch(view, command.record);
    case 'forget':
      return removeLaunch(view, command.name, command.instance);
  }
}

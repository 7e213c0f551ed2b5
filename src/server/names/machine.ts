/**
 * The names as a machine: records, a command and what time says of promises in, changes of records and the answer out,
 * or a refusal that changes nothing. It reads no clock, draws no chance and touches nothing else, so that a log of
 * commands can be played again.
 */
import type { Command, Planned, Surroundings } from './command.js';
import { drop, mark, register, withdraw } from './endpoint-commands.js';
import { forget, intend, update } from './launch-commands.js';
import { move } from './moving.js';
import { complete, remove, vanish } from './removal.js';
import { define, directory, importAll, link } from './structure.js';
import type { View } from './view.js';

/**
 * Plans one command.
 *
 * @throws ClerkError when it is refused
 */
export function plan(view: View, command: Command, surroundings: Surroundings): Planned {
  switch (command.kind) {
    case 'define':
      return define(view, command.request, surroundings);
    case 'link':
      return link(view, command.request, surroundings);
    case 'directory':
      return directory(view, command.request.name, command.id);
    case 'move':
      return move(view, command.request, surroundings);
    case 'remove':
      return remove(view, command.request, surroundings);
    case 'register':
      return register(view, command.request, command.caller, surroundings);
    case 'withdraw':
      return withdraw(view, command.request);
    case 'import':
      return importAll(view, command.lines, surroundings);
    case 'drop':
      return drop(view, command.endpoints);
    case 'mark':
      return mark(view, command.marks);
    case 'vanish':
      return vanish(view, command.name, surroundings);
    case 'complete':
      return complete(view, command.name);
    case 'intend':
      return intend(view, command.record);
    case 'update':
      return update(view, command.record);
    case 'forget':
      return forget(view, command.name, command.instance);
  }
}

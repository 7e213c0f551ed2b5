import type { LaunchRecord, LaunchRecords } from '../ports.js';
import type { NamingCommand, Plan } from './commands/naming-command.js';
import type { NamingView } from './state/naming-view.js';

/**
 * Creates the port through which the launcher reads and changes launch records. The launcher reads only saved
 * records.
 */
export function launchRecords(
  view: NamingView,
  submit: (command: NamingCommand) => Promise<Plan>,
): LaunchRecords {
  return {
    all: () => [...view.launches()],
    recordIntent: async (intent) => {
      const { launch } = await submit({ kind: 'record-intent', record: intent });
      return launch as LaunchRecord;
    },
    update: async (record) => {
      await submit({ kind: 'update-launch', record });
    },
    remove: async (name, instance) => {
      await submit({ kind: 'remove-launch', name, instance });
    },
  };
}

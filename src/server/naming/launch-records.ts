/** The launcher's records among the names: read from what is durable, changed by commands like everything else. */
import type { LaunchRecord, LaunchRecords } from '../ports.js';
import type { NamingCommand, Plan } from './commands/naming-command.js';
import type { NamingView } from './state/naming-view.js';

/** @param submit - resolves once a command is durable */
export function launchRecords(
  view: NamingView,
  submit: (command: NamingCommand) => Promise<Plan>,
): LaunchRecords {
  return {
    all: () => [...view.launches()],
    recordIntent: async (record) => {
      const { launch } = await submit({ kind: 'intend', record });
      return launch as LaunchRecord;
    },
    update: async (record) => {
      await submit({ kind: 'update', record });
    },
    remove: async (name, instance) => {
      await submit({ kind: 'forget', name, instance });
    },
  };
}

import type { LaunchRecord, LaunchRecords } from '../ports.js';
import type { NamingCommand, Plan } from './commands/naming-command.js';
import type { RegistryPosition } from './registry-position.js';
import type { NamingView } from './state/naming-view.js';

export function launchRecords(
  view: NamingView,
  position: Pick<RegistryPosition, 'identity'>,
  submit: (command: NamingCommand, endsEndpoints?: boolean) => Promise<Plan>,
): LaunchRecords {
  return {
    all: () => [...view.launches()],
    recordIntent: async (intent) => {
      const { owner } = position.identity;
      const { launch } = await submit({ kind: 'record-intent', record: { ...intent, owner } });
      return launch as LaunchRecord;
    },
    update: async (record) => {
      await submit({ kind: 'update-launch', record });
    },
    remove: async (name, instance) => {
      // While the store cannot be written, the process has ended all the same.
      await submit({ kind: 'remove-launch', name, instance }, true);
    },
  };
}

/** The launcher's records among the names: read from what is durable, changed by commands like everything else. */
import type { LaunchRecord, LaunchRecords } from '../ports.js';
import type { Command, Planned } from './command.js';
import type { View } from './view.js';

/** @param submit - resolves once a command is durable */
export function launchRecords(view: View, submit: (command: Command) => Promise<Planned>): LaunchRecords {
  return {
    all: () => [...view.launches()],
    intend: async (record) => {
      const { launch } = await submit({ kind: 'intend', record });
      return launch as LaunchRecord;
    },
    update: async (record) => {
      await submit({ kind: 'update', record });
    },
    forget: async (name, instance) => {
      await submit({ kind: 'forget', name, instance });
    },
  };
}

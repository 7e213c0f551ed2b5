import type { IntentConditions, LaunchIntent, LaunchRecord, LaunchRecords } from '../ports.js';
import { pendingElsewhere } from './commands/launch-intents.js';
import type { NamingCommand, Plan } from './commands/naming-command.js';
import type { RegistryPosition } from './registry-position.js';
import type { NamingView } from './state/naming-view.js';

/** The server and the host that new launch records contain, in a registry with several servers. */
export interface LaunchPlace {
  readonly server: string;
  readonly host: string;
  readonly isGone: (server: string) => boolean;
}

export function launchRecords(
  view: NamingView,
  position: Pick<RegistryPosition, 'identity'>,
  submit: (command: NamingCommand, endsEndpoints?: boolean) => Promise<Plan>,
  place?: LaunchPlace,
): LaunchRecords {
  const isOwn = ({ server = '', host }: LaunchRecord): boolean =>
    place === undefined || server === place.server || (host === place.host && place.isGone(server));
  return {
    all: () => [...view.launches()].filter(isOwn),
    recordIntent: (async (intent: LaunchIntent, conditions?: IntentConditions) => {
      const { owner } = position.identity;
      const { server, host } = place ?? {};
      const record = { ...intent, owner, ...(server !== undefined && { server, host: host ?? '' }) };
      const { launch } = await submit({ kind: 'record-intent', record, conditions });
      return launch;
    }) as LaunchRecords['recordIntent'],
    isStartingElsewhere: (name) =>
      pendingElsewhere(view, name, place?.server).some(({ server = '' }) => place?.isGone(server) !== true),
    update: async (record) => {
      await submit({ kind: 'update-launch', record });
    },
    remove: async (name, instance) => {
      // The process has ended, so the record is removed from memory even if the store cannot be written.
      await submit({ kind: 'remove-launch', name, instance }, true);
    },
  };
}

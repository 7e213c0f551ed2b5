import type { Command } from 'commander';
import { definedFields } from '../../core/defined-fields.js';
import { ClerkError, errorMessage, isClerkError } from '../../core/errors.js';
import type { Io } from '../io.js';
import { Output } from '../output.js';

/** `clerk migrate`: works on the data folder and the database, without a running registry. */
export function addMigrateCommand(program: Command, io: Io): void {
  program
    .command('migrate')
    .summary('move the names of a registry to a database, or back to a folder')
    .description(
      'Move all names, endpoints, epochs, keys and rights of a registry from a data folder to a database, from a database to a folder, or to another database. Stop the servers first; for clients and services, the move is like a restart of the registry. The registry keeps its incarnation. As soon as the new place has an exact copy, servers can use only the new place. If the command fails, run it again, or start the servers with the former place.',
    )
    .option('--from <place>', 'data folder or URL of the database that has the names')
    .option('--to <place>', 'data folder or URL of a database without names')
    .option(
      '--store-file <file>',
      'file of mode 0600 with the URL of the database, in place of --from or --to (default: $CLERK_STORE)',
    )
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  clerk migrate --from ./registry --to etcd://10.0.0.7:2379,10.0.0.8:2379/clerk
  clerk migrate --from ./registry --store-file ./store      the URL has a password
  clerk migrate --store-file ./store --to ./registry        back to the folder

Keys, the audit log and the logs of services stay in the data folder: continue with clerk serve --data ./registry --store …
Exit codes: 0 done, 1 failed, 2 usage, 5 a server uses one of the places, or the database refuses the user.`,
    )
    .action((options: MigrateCommandOptions) => migrate(options, io));
}

interface MigrateCommandOptions {
  readonly from?: string;
  readonly to?: string;
  readonly storeFile?: string;
  readonly json?: true;
}

async function migrate(
  { from, to, storeFile, json }: MigrateCommandOptions,
  { stdout: stream, env }: Io,
): Promise<void> {
  if (from === undefined && to === undefined)
    throw new ClerkError(
      'CONFIG_INVALID',
      'clerk migrate needs --from or --to; the other place is the database in --store-file or $CLERK_STORE',
    );
  const isComplete = from !== undefined && to !== undefined;
  if (isComplete && storeFile !== undefined)
    throw new ClerkError(
      'CONFIG_INVALID',
      'Option --store-file replaces --from or --to, so at most two of the three can be given; omit one of them',
    );
  const fromEnvironment = env.CLERK_STORE === '' ? undefined : env.CLERK_STORE;
  const database = storeFile === undefined ? { store: fromEnvironment } : { storeFile };
  if (!isComplete && storeFile === undefined && fromEnvironment === undefined)
    throw new ClerkError(
      'CONFIG_INVALID',
      `clerk migrate needs --${from === undefined ? 'from' : 'to'}, --store-file or $CLERK_STORE`,
    );
  const placeOf = (place: string | undefined) =>
    definedFields(
      place === undefined ? database : place.includes('://') ? { store: place } : { data: place },
    );
  const { migrateRegistry } = await import('../../server/index.js');
  const report = await migrateRegistry({ from: placeOf(from), to: placeOf(to) }).catch((error: unknown) => {
    // `REGISTRY_INVALID` has the exit code of an unreachable registry. That exit code would be wrong here.
    if (!isClerkError(error) || error.code !== 'REGISTRY_INVALID') throw error;
    throw new ClerkError('START_FAILED', errorMessage(error), { cause: error });
  });
  const stdout = new Output(stream, env);
  if (json) return stdout.json(report);
  await stdout.line(`Moved ${String(report.records)} records from ${report.from} to ${report.to}`);
}

import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { definedFields } from '../../core/defined-fields.js';
import { ClerkError } from '../../core/errors.js';
import type { Io } from '../io.js';
import { Output, styled } from '../output.js';

/** `clerk init`: works on the data folder itself, without a running registry. */
export function addInitCommand(program: Command, io: Io): void {
  program
    .command('init')
    .summary('secure a registry: create its key and the first operator')
    .description(
      'Secure the registry in a data folder or a database, while no server uses it. Creates the key of the registry, and the identity file of the first operator, who has all rights. From then on, `clerk serve` with this folder accepts only TLS connections, and only clients with an enrolled key. The names are kept.',
    )
    .addOption(
      new Option(
        '-d, --data <folder>',
        'data folder of the registry; created if missing',
      ).makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--store <url>',
        'database that stores the names: etcd://… or postgres://… (default: $CLERK_STORE)',
      ).conflicts('storeFile'),
    )
    .option('--store-file <file>', 'file of mode 0600 with the URL of the database, in place of --store')
    .option(
      '--new-operator [file]',
      'create another key of the operator in a secured folder, for example after the first one was lost (default file: operator.identity in the data folder)',
    )
    .option('--revoke-others', 'with --new-operator: revoke all other keys and unused tokens of the operator')
    .option('--json', 'print the key of the registry and the path of the identity file as JSON')
    .addHelpText(
      'after',
      `
Examples:
  clerk init --data ./registry                   then: clerk serve --data ./registry
  clerk init --data ./registry --store etcd://10.0.0.7:2379/clerk    several servers: copy registry.identity to each
  clerk init --data ./registry --new-operator    after the key of the operator was lost
  clerk init --data ./registry --new-operator --revoke-others    after the key was stolen

Clients recognize the registry by the printed key. Back up the folder: a lost key cannot be created again.
Exit codes: 0 done, 1 failed, 2 usage, 5 the folder is initialized already, in use, or writable by others.`,
    )
    .action((options: InitOptions) => init(options, io));
}

interface InitOptions {
  readonly data: string;
  readonly store?: string;
  readonly storeFile?: string;
  readonly newOperator?: string | true;
  readonly revokeOthers?: true;
  readonly json?: true;
}

async function init(
  { data, store: storeOption, storeFile, newOperator, revokeOthers, json }: InitOptions,
  { stdout: stream, env }: Io,
): Promise<void> {
  if (revokeOthers && newOperator === undefined)
    throw new ClerkError('CONFIG_INVALID', 'Option --revoke-others requires --new-operator');
  const stdout = new Output(stream, env);
  // A flag has precedence over the environment.
  const fromEnvironment = env.CLERK_STORE === '' ? undefined : env.CLERK_STORE;
  const store = storeOption ?? (storeFile === undefined ? fromEnvironment : undefined);
  const database = definedFields({ store, storeFile });
  const { createOperator, initializeRegistry } = await import('../../server/index.js');
  const file = newOperator === true ? undefined : newOperator;
  const { registryKey, operator } = await (newOperator === undefined
    ? initializeRegistry(data, database)
    : createOperator(definedFields({ data, file, revokeOthers, ...database })));
  if (json) return stdout.json({ registryKey, operator });
  await stdout.table()([
    ['Registry key', styled('strong', registryKey)],
    ['Operator', styled('strong', operator)],
  ]);
  const usesDatabase = store !== undefined || storeFile !== undefined;
  await stdout.line(
    usesDatabase
      ? `Copy ${join(data, 'registry.identity')} to the data folder of each server, and start the servers with clerk serve --data FOLDER and the same store`
      : `Start the registry with clerk serve --data ${data}`,
  );
}

import { Option, type Command } from 'commander';
import type { Io } from '../io.js';
import { Output, styled } from '../output.js';

/** `clerk init`: works on the data folder itself, without a running registry. */
export function addInitCommand(program: Command, io: Io): void {
  program
    .command('init')
    .summary('secure a registry: create its key and the first operator')
    .description(
      'Secure the registry in a data folder, while no server uses the folder. Creates the key of the registry, and the identity file of the first operator, who has all rights. From then on, `clerk serve` with this folder accepts only TLS connections, and only clients with an enrolled key. The names in the folder stay.',
    )
    .addOption(
      new Option(
        '-d, --data <folder>',
        'data folder of the registry; created if missing',
      ).makeOptionMandatory(),
    )
    .option('--json', 'print the key of the registry and the path of the identity file as JSON')
    .addHelpText(
      'after',
      `
Examples:
  clerk init --data ./registry     then: clerk serve --data ./registry

Clients recognize the registry by the printed key. Back up the folder: a lost key cannot be created again.
Exit codes: 0 done, 1 failed, 2 usage, 5 the folder is initialized already, in use, or writable by others.`,
    )
    .action((options: InitOptions) => init(options, io));
}

interface InitOptions {
  readonly data: string;
  readonly json?: true;
}

async function init({ data, json }: InitOptions, { stdout: stream, env }: Io): Promise<void> {
  const stdout = new Output(stream, env);
  const { initializeRegistry } = await import('../../server/index.js');
  const { registryKey, operator } = await initializeRegistry(data);
  if (json) return stdout.json({ registryKey, operator });
  await stdout.table()([
    ['Registry key', styled('strong', registryKey)],
    ['Operator', styled('strong', operator)],
  ]);
  await stdout.line(`Start the registry with clerk serve --data ${data}`);
}

import { Option, type Command } from 'commander';
import { ClerkError, errorMessage, isClerkError } from '../../core/errors.js';
import { ExitCode, exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { Output } from '../output.js';

export function addSalvageCommand(program: Command, io: Io): void {
  program
    .command('salvage')
    .argument('<folder>', 'the damaged data folder')
    .summary('copy the recoverable records of a damaged data folder')
    .description(
      'Copy the recoverable records of a damaged folder to a new folder, and list the lost records. The damaged folder is not changed. The command accepts a folder of `clerk serve --data`, or of diskCalls() in a service.',
    )
    .addOption(new Option('--to <folder>', 'new folder to write').makeOptionMandatory())
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  clerk salvage ./registry --to ./saved        then: clerk serve --data ./saved --adopt

Exit codes: 0 nothing is lost, 1 something is lost or the folder is unreadable, 2 usage, 5 the folder is in use.`,
    )
    .action((folder: string, options: { readonly to: string; readonly json?: boolean }) =>
      salvage(folder, options, new Output(io.stdout, io.env)),
    );
}

async function salvage(
  from: string,
  { to, json = false }: { readonly to: string; readonly json?: boolean },
  stdout: Output,
): Promise<void> {
  const { salvageData } = await import('../../server/index.js');
  const { salvageCalls } = await import('../../service/index.js');
  const { problem, records, lost } = await salvageData(from, to)
    .then((report) => report ?? salvageCalls(from, to))
    .catch((error: unknown) => {
      // `REGISTRY_INVALID` has the exit code of an unreachable registry. That exit code would be wrong here.
      if (!isClerkError(error) || error.code !== 'REGISTRY_INVALID') throw error;
      throw new ClerkError('START_FAILED', errorMessage(error), { cause: error });
    });
  if (json) await stdout.json({ problem: problem ?? null, records, lost });
  else {
    await stdout.line(problem === undefined ? `${from} is complete` : `${from} ${problem}`);
    await stdout.line(`Saved to ${to}: ${records} records`);
    if (lost.length > 0) await stdout.line('Lost:');
    for (const item of lost) await stdout.line(`  ${item}`);
    if (lost.length === 0) await stdout.line('Nothing is lost');
  }
  if (lost.length > 0) throw new ExitCode(exitCodes.failed);
}

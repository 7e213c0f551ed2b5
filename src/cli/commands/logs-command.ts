import { Option, type Command } from 'commander';
import type { Io } from '../io.js';
import { integerOption } from '../option-parsers.js';
import { Output } from '../output.js';
import { parseNameArgument } from '../parse-name.js';

export function addLogsCommand(program: Command, io: Io): void {
  program
    .command('logs')
    .argument('<name>', 'canonical name of the service')
    .summary('print the output of a started service')
    .description(
      'Print the last output lines of a service that the registry has started. Reads the log file in the data folder, so run this command on the host of the registry, as the user who runs the registry. The registry does not have to run.',
    )
    .addOption(
      new Option(
        '--data <folder>',
        'data folder of the registry, as in `clerk serve --data`',
      ).makeOptionMandatory(),
    )
    .addOption(
      new Option('--lines <count>', 'how many of the last lines to print')
        .argParser(integerOption)
        .default(100),
    )
    .option('--follow', 'wait for lines that are written later and print them, until an interrupt')
    .option('--json', 'print JSON, one object with the name and the line per line')
    .addHelpText(
      'after',
      `
Examples:
  clerk logs /shop/orders --data ./registry              the last 100 lines
  clerk logs /shop/orders --data ./registry --follow     until an interrupt

Exit codes: 0 success, 2 usage, 3 there is no log of the service.`,
    )
    .action((name: string, options: LogsOptions) => printLog(name, options, io));
}

interface LogsOptions {
  readonly data: string;
  readonly lines: number;
  readonly follow?: true;
  readonly json?: true;
}

async function printLog(text: string, { data, lines, follow, json }: LogsOptions, io: Io): Promise<void> {
  const name = parseNameArgument(text);
  const stdout = new Output(io.stdout, io.env);
  const { readLog } = await import('../../server/index.js');
  const signal = follow === true ? io.interruptSignal() : undefined;
  for await (const part of readLog(data, name, { lines, ...(signal && { signal }) }))
    for (const line of part.replace(/\n$/, '').split('\n'))
      await (json ? stdout.json({ name, line }) : stdout.line(line));
}

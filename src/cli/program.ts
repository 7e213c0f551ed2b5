/** The command line as a function: arguments and a world in, an exit code out. Never rejects, never ends the process. */
import { Command, CommanderError, Option } from 'commander';
import { styleText } from 'node:util';
import { addCommonOptions, commonGroup } from './command.js';
import { exitCodes } from './exit-codes.js';
import { tellFailure } from './failures.js';
import { packageVersion } from './files.js';
import { harmless } from './harmless.js';
import type { Io } from './io.js';
import { wantsColour } from './output.js';

/**
 * Runs a command line.
 *
 * @param argv - arguments, without the program's own name
 * @returns the exit code: see `exitCodes`
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  let begun: Command | undefined;
  const program = (await programOf(io, wantedOf(argv))).hook('preAction', (_, command) => {
    begun = command;
  });
  if (argv.length === 0) {
    program.outputHelp();
    return exitCodes.done;
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCodes.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    return tellFailure(io, begun, error);
  }
}

type Add = (program: Command, io: Io) => void;

/** All commands, in the order of the help. Each is loaded only when it is needed, for a command should begin at once. */
const commands: Readonly<Record<string, Readonly<Record<string, () => Promise<Add>>>>> = {
  'The registry:': {
    serve: async () => (await import('./serve.js')).serveCommand,
  },
  'Looking:': {
    ls: async () => (await import('./ls.js')).addLs,
    resolve: async () => (await import('./resolve.js')).addResolve,
    whois: async () => (await import('./whois.js')).addWhois,
    explain: async () => (await import('./explain.js')).addExplain,
    watch: async () => (await import('./watch.js')).addWatch,
  },
  'Calling:': {
    call: async () => (await import('./call.js')).addCall,
  },
  'Changing names:': {
    define: async () => (await import('./define.js')).addDefine,
    link: async () => (await import('./link.js')).addLink,
    mv: async () => (await import('./mv.js')).addMv,
    rm: async () => (await import('./rm.js')).addRm,
    export: async () => (await import('./export.js')).addExport,
    import: async () => (await import('./import.js')).addImport,
  },
  'Running services:': {
    advertise: async () => (await import('./advertise.js')).addAdvertise,
    launch: async () => (await import('./launch.js')).addLaunch,
    stop: async () => (await import('./stop.js')).addStop,
    reset: async () => (await import('./reset.js')).addReset,
  },
};

/** The command that certainly is meant; undefined where all are needed, for help or to tell what is nearest. */
function wantedOf(argv: readonly string[]): string | undefined {
  const [first] = argv;
  return Object.values(commands).some((group) => first !== undefined && Object.hasOwn(group, first))
    ? first
    : undefined;
}

async function programOf(io: Io, wanted: string | undefined): Promise<Command> {
  const program = new Command('clerk')
    .description('Names for services: who runs them, where, and for how long that is promised.')
    .usage('<command> [options]')
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError('`clerk help` and `clerk help <command>` say more, with examples')
    .addHelpOption(new Option('-h, --help', 'show this, with examples').helpGroup(commonGroup))
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) =>
        write(
          text
            .replace(/^error: /, 'clerk: ')
            .split('\n')
            .map(harmless)
            .join('\n'),
        ),
      getOutHelpWidth: () => Math.min(io.stdout.columns ?? 80, 120),
      getErrHelpWidth: () => Math.min(io.stderr.columns ?? 80, 120),
      getOutHasColors: () => wantsColour(io.stdout, io.env),
      getErrHasColors: () => wantsColour(io.stderr, io.env),
    })
    .configureHelp({
      styleTitle: (title) => styleText('bold', title, { validateStream: false }),
      subcommandTerm: (command) =>
        `${command.name()} ${command.usage().replace('[options]', '').trim()}`.trim(),
    });
  program.version(packageVersion(), '-V, --version', 'print the version');
  addCommonOptions(program);

  for (const [heading, group] of Object.entries(commands)) {
    program.commandsGroup(heading);
    for (const [name, load] of Object.entries(group))
      if (wanted === undefined || wanted === name) (await load())(program, io);
  }
  program.commandsGroup('More:').helpCommand('help [command]', 'explain a command, with examples');
  return program.addHelpText('after', closing);
}

const closing = `
Examples:
  clerk serve                                            a registry on this machine
  clerk advertise /shop/orders http://127.0.0.1:3001     a service, as long as this runs
  clerk ls '/shop/**'                                    what is there
  clerk call /shop/orders /orders/7                      ask whoever runs it

\`clerk help <command>\` says more, with examples. Data goes to standard output, all else to standard error.
Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 registry unreachable, 5 refused.
`;

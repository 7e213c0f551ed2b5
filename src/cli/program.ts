import { Command, CommanderError, Option } from 'commander';
import { styleText } from 'node:util';
import type { AddCommand } from './command-context.js';
import { addCommonOptions, commonOptionsHeading } from './common-options.js';
import { ExitCode, exitCodes } from './exit-codes.js';
import { printError } from './print-error.js';
import { sanitizeLine } from './sanitize.js';
import type { Io } from './io.js';
import { Output, supportsColor } from './output.js';

/** Runs a command line. `given` does not contain the name of the program. Resolves to the exit code; never rejects. */
export async function run(given: readonly string[], io: Io): Promise<number> {
  const argv = helpArguments(given);
  let running: Command | undefined;
  const program = (await createProgram(io, requestedCommand(argv), wantsJsonErrors(argv))).hook(
    'preAction',
    (_, command) => {
      running = command;
    },
  );
  if (argv.length === 0) {
    program.outputHelp();
    return exitCodes.done;
  }
  try {
    rejectSynonym(program, argv);
    await program.parseAsync(argv, { from: 'user' });
    return exitCodes.done;
  } catch (error) {
    if (error instanceof ExitCode) return error.code;
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return exitCodes.done;
      // A group without a command, such as `clerk acl`, has printed its help. This is not printed as a JSON error.
      if (wantsJsonErrors(argv) && error.code !== 'commander.help') await printUsageError(io, error);
      return exitCodes.usage;
    }
    return printError(io, running, error);
  }
}

/**
 * Command names of other tools, with the matching command here. Commander suggests only names with a similar
 * spelling.
 */
const synonyms: Readonly<Record<string, string>> = {
  cp: 'link',
  curl: 'call',
  delete: 'rm',
  find: 'search',
  fetch: 'call',
  get: 'resolve',
  health: 'status',
  info: 'status',
  list: 'ls',
  lookup: 'resolve',
  move: 'mv',
  register: 'advertise',
  remove: 'rm',
  rename: 'mv',
  request: 'call',
  restart: 'reset',
  run: 'launch',
  server: 'serve',
  set: 'define',
  start: 'launch',
};

function rejectSynonym(program: Command, [first = '']: readonly string[]): void {
  if (!Object.hasOwn(synonyms, first)) return;
  program.error(`error: unknown command '${first}'\n(Did you mean ${String(synonyms[first])}?)`, {
    code: 'commander.unknownCommand',
  });
}

/** `help acl allow` means `acl allow --help`; the help command of commander accepts one name only. */
function helpArguments(argv: readonly string[]): readonly string[] {
  const [first, ...names] = argv;
  return first === 'help' && names.length > 1 ? [...names, '--help'] : argv;
}

/**
 * Whether errors are printed as JSON. Reads the arguments directly, because parsing may fail before it reaches
 * `--json`.
 */
function wantsJsonErrors(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? undefined : end).includes('--json');
}

async function printUsageError({ stderr, env }: Io, { message }: CommanderError): Promise<void> {
  await new Output(stderr, env).json({
    error: {
      code: 'CONFIG_INVALID',
      message: sanitizeLine(message.replace(/^error: /, '')),
      hint: usageHint,
    },
  });
}

const usageHint = 'See `clerk help` and `clerk help <command>` for details and examples';

/** All commands by their heading in the help. Only the requested command is loaded, for a fast start. */
const commands: Readonly<Record<string, Readonly<Record<string, () => Promise<AddCommand>>>>> = {
  'Registry:': {
    serve: async () => (await import('./commands/serve-command.js')).addServeCommand,
    status: async () => (await import('./commands/status-command.js')).addStatusCommand,
    audit: async () => (await import('./commands/audit-command.js')).addAuditCommand,
    migrate: async () => (await import('./commands/migrate-command.js')).addMigrateCommand,
    salvage: async () => (await import('./commands/salvage-command.js')).addSalvageCommand,
  },
  'Lookup:': {
    ls: async () => (await import('./commands/ls-command.js')).addLsCommand,
    resolve: async () => (await import('./commands/resolve-command.js')).addResolveCommand,
    search: async () => (await import('./commands/search-command.js')).addSearchCommand,
    whois: async () => (await import('./commands/whois-command.js')).addWhoisCommand,
    explain: async () => (await import('./commands/explain-command.js')).addExplainCommand,
    watch: async () => (await import('./commands/watch-command.js')).addWatchCommand,
  },
  'Calls:': {
    call: async () => (await import('./commands/call-command.js')).addCallCommand,
  },
  'Names:': {
    define: async () => (await import('./commands/define-command.js')).addDefineCommand,
    link: async () => (await import('./commands/link-command.js')).addLinkCommand,
    mv: async () => (await import('./commands/mv-command.js')).addMvCommand,
    rm: async () => (await import('./commands/rm-command.js')).addRmCommand,
    mkdir: async () => (await import('./commands/mkdir-command.js')).addMkdirCommand,
    cancel: async () => (await import('./commands/cancel-command.js')).addCancelCommand,
    apply: async () => (await import('./commands/import-command.js')).addApplyCommand,
    export: async () => (await import('./commands/export-command.js')).addExportCommand,
    import: async () => (await import('./commands/import-command.js')).addImportCommand,
  },
  'Services:': {
    advertise: async () => (await import('./commands/advertise-command.js')).addAdvertiseCommand,
    launch: async () => (await import('./commands/launch-command.js')).addLaunchCommand,
    stop: async () => (await import('./commands/stop-command.js')).addStopCommand,
    reset: async () => (await import('./commands/reset-command.js')).addResetCommand,
    logs: async () => (await import('./commands/logs-command.js')).addLogsCommand,
  },
  'Identity:': {
    init: async () => (await import('./commands/init-command.js')).addInitCommand,
    'registry-key': async () => (await import('./commands/registry-key-command.js')).addRegistryKeyCommand,
    token: async () => (await import('./commands/token-command.js')).addTokenCommand,
    enroll: async () => (await import('./commands/enroll-command.js')).addEnrollCommand,
    identity: async () => (await import('./commands/identity-command.js')).addIdentityCommand,
    group: async () => (await import('./commands/group-command.js')).addGroupCommand,
    acl: async () => (await import('./commands/acl-command.js')).addAclCommand,
  },
};

/**
 * Returns the one command to load. Returns undefined if the first argument is not a command. All commands are then
 * loaded, because the help and the suggestions list them.
 */
function requestedCommand(argv: readonly string[]): string | undefined {
  const [first] = argv;
  return Object.values(commands).some((group) => first !== undefined && Object.hasOwn(group, first))
    ? first
    : undefined;
}

async function createProgram(
  io: Io,
  requested: string | undefined,
  hasJsonErrors: boolean,
): Promise<Command> {
  const program = new Command('clerk')
    .description('Look up, call and manage services by name.')
    .usage('<command> [options]')
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError(hasJsonErrors ? false : usageHint)
    .addHelpOption(new Option('-h, --help', 'show this help').helpGroup(commonOptionsHeading))
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => {
        if (hasJsonErrors) return;
        write(
          text
            .replace(/^error: /, 'clerk: ')
            .split('\n')
            .map(sanitizeLine)
            .join('\n'),
        );
      },
      getOutHelpWidth: () => Math.min(io.stdout.columns ?? 80, 120),
      getErrHelpWidth: () => Math.min(io.stderr.columns ?? 80, 120),
      getOutHasColors: () => supportsColor(io.stdout, io.env),
      getErrHasColors: () => supportsColor(io.stderr, io.env),
    })
    .configureHelp({
      styleTitle: (title) => styleText('bold', title, { validateStream: false }),
      subcommandTerm: (command) =>
        `${command.name()} ${command.usage().replace('[options]', '').trim()}`.trim(),
    });
  program.version(io.version, '-V, --version', 'print the version');
  addCommonOptions(program);

  for (const [heading, group] of Object.entries(commands)) {
    program.commandsGroup(heading);
    for (const [name, load] of Object.entries(group))
      if (requested === undefined || requested === name) (await load())(program, io);
  }
  program.commandsGroup('More:').helpCommand('help [command]', 'show the help of a command');
  return program.addHelpText('after', helpFooter);
}

const helpFooter = `
Examples:
  clerk serve                                            a registry on this machine
  clerk advertise /shop/orders http://127.0.0.1:3001     an endpoint while the command runs
  clerk ls '/shop/**'                                    all names below /shop
  clerk call /shop/orders /orders/7                      a request to the service

See \`clerk help <command>\` for details and examples. Data goes to standard output, messages to standard error.
Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 registry unreachable, 5 refused.
`;

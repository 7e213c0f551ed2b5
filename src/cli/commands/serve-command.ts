/**
 * `clerk serve`: the reference server as a program. One line on standard output says where it is, everything else goes to
 * standard error; SIGTERM and SIGINT end it cleanly.
 */
import { InvalidArgumentError, type Command } from 'commander';
import { isLocal, parseAddress } from '../../core/address.js';
import { ClerkError, isClerkError, errorMessage } from '../../core/errors.js';
import { sanitizeLine } from '../sanitize.js';

interface ServeOptions {
  readonly port: number;
  readonly host?: string;
  readonly data?: string;
  readonly manifests?: string;
  readonly allowHost?: readonly string[];
  readonly json?: boolean;
}

/** Adds the command. */
export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .summary('run a registry')
    .description(
      'Run the reference server: names, leases, watches and starts, at http://127.0.0.1:4711 unless told otherwise. Without --data, names are forgotten when it ends.',
    )
    .option('-p, --port <number>', 'port to listen at; 0 for any that is free', portOption, 4711)
    .option('--host <address>', 'address to listen at (default: 127.0.0.1, this machine alone)')
    .option('-d, --data <folder>', 'keep names in this folder')
    .option('-m, --manifests <folder>', 'start services by the manifests in this folder')
    .option('--allow-host <name>', 'answer requests for this host name too; may be repeated', listOption)
    .option('--json', 'say where it is as JSON')
    .addHelpText(
      'after',
      `
Examples:
  clerk serve                                  a registry for this machine, forgotten when it ends
  clerk serve --data ./registry                one that remembers
  clerk serve --data ./registry --manifests ./manifests   one that starts what nobody runs

Exit codes: 0 ended by a signal, 1 failed (port in use), 2 usage, 5 the data folder is in use or not to be trusted.`,
    )
    .action(serve);
}

/** Serves until a signal comes. @throws ClerkError `FORBIDDEN`, `START_FAILED` */
async function serve({
  port,
  host,
  data,
  manifests,
  allowHost = [],
  json = false,
}: ServeOptions): Promise<void> {
  const log = (message: string): void => void process.stderr.write(`clerk: ${sanitizeLine(message)}\n`);
  const terminated = untilTerminated();
  if (host !== undefined && !isLoopback(host))
    log(
      `Listening at ${host}: whoever can reach this port can change every name, since there is no password; let a firewall stand before it`,
    );
  // Only who serves needs all of it.
  const { startServer } = await import('../../server/index.js');
  const server = await startServer({
    port,
    ...(host !== undefined && { host }),
    ...(data !== undefined && { data }),
    ...(manifests !== undefined && { manifests }),
    allowedHosts: allowHost,
    logger: { debug: () => undefined, info: log, warn: log, error: log },
  }).catch((error: unknown) => {
    // The command was understood: whatever else keeps it from serving is a failure, not a slip of the user's pen.
    if (isClerkError(error) && error.code === 'FORBIDDEN') throw error;
    throw new ClerkError('START_FAILED', errorMessage(error), { cause: error });
  });
  process.stdout.write(`${json ? JSON.stringify({ url: server.url, port: server.port }) : server.url}\n`);
  log(
    data === undefined
      ? 'Names are forgotten when this ends; --data DIR keeps them'
      : `Names are kept in ${data}`,
  );
  await terminated;
  await server.close();
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process as if nobody listened. */
function untilTerminated(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
}

function isLoopback(host: string): boolean {
  try {
    return isLocal(parseAddress(`tcp://${host.includes(':') ? `[${host}]` : host}:1`));
  } catch {
    return false;
  }
}

function portOption(text: string): number {
  const port = Number(text);
  if (!/^[0-9]{1,5}$/.test(text) || port > 65_535)
    throw new InvalidArgumentError('It must be a whole number from 0 to 65535.');
  return port;
}

function listOption(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, text];
}

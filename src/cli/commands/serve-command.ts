import { InvalidArgumentError, type Command } from 'commander';
import { isLocal, parseAddress } from '../../core/address.js';
import { definedFields } from '../../core/defined-fields.js';
import { ClerkError, isClerkError, errorMessage } from '../../core/errors.js';
import { defaultRegistryUrl, limits } from '../../protocol/limits.js';
import { integerOption } from '../option-parsers.js';
import { sanitizeLine } from '../sanitize.js';

interface ServeOptions {
  readonly port: number;
  readonly host?: string;
  readonly data?: string;
  readonly manifests?: string;
  readonly adopt?: boolean;
  readonly insecure?: boolean;
  readonly allowHost?: readonly string[];
  readonly maxRegistrations?: number;
  readonly maxWatches?: number;
  readonly maxNames?: number;
  readonly maxNamesPerPrincipal?: number;
  readonly maxGuarantee?: number;
  readonly maxConnections?: number;
  readonly ipv4Prefix?: number;
  readonly ipv6Prefix?: number;
  readonly audit?: boolean;
  readonly maxAuditFileBytes?: number;
  readonly maxAuditFiles?: number;
  readonly json?: boolean;
}

/** `clerk serve`: runs the bundled server. Prints only the URL of the server on standard output. */
export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .summary('run a registry')
    .description(
      `Run the bundled registry server, by default at ${defaultRegistryUrl}. Without --data, names are kept in memory only. A folder that \`clerk init\` has secured is served over https:, to clients with an enrolled key.`,
    )
    .option('-p, --port <number>', 'port to listen on; 0 for any free port', portOption, limits.defaultPort)
    .option('--host <address>', 'address to listen on (default: 127.0.0.1, this machine only)')
    .option('-d, --data <folder>', 'folder to store names in')
    .option(
      '-m, --manifests <folder>',
      'folder with the manifests of the services that the registry may start',
    )
    .option(
      '--adopt',
      'treat a copied data folder as the original, which will not be used again, and supervise its processes',
    )
    .option(
      '--insecure',
      'let a registry without keys listen at other addresses than loopback; each response says so',
    )
    .option('--allow-host <name>', 'also accept requests for this host name; repeatable', listOption)
    .option(
      '--max-registrations <number>',
      `maximum number of endpoints per principal (default: ${String(limits.maxRegistrations)})`,
      countOption,
    )
    .option(
      '--max-watches <number>',
      `maximum number of open watches per principal (default: ${String(limits.maxWatches)})`,
      countOption,
    )
    .option(
      '--max-names <number>',
      `maximum number of services, links and directories (default: ${String(limits.maxNames)})`,
      countOption,
    )
    .option(
      '--max-names-per-principal <number>',
      `maximum number of names that one principal has created (default: ${String(limits.maxNamesPerPrincipal)})`,
      countOption,
    )
    .option(
      '--max-guarantee <ms>',
      `longest time for which a name may be guaranteed (default: ${String(limits.maxGuaranteedMs)})`,
      integerOption,
    )
    .option(
      '--max-connections <number>',
      `maximum number of open connections (default: ${String(limits.maxConnections)})`,
      countOption,
    )
    .option(
      '--ipv4-prefix <bits>',
      `leading bits of an IPv4 address that are one principal without keys (default: ${String(limits.ipv4PrefixLength)})`,
      integerOption,
    )
    .option(
      '--ipv6-prefix <bits>',
      `leading bits of an IPv6 address that are one principal without keys (default: ${String(limits.ipv6PrefixLength)})`,
      integerOption,
    )
    .option('--audit', 'record changes and refusals in the data folder (default for a secured registry)')
    .option('--no-audit', 'record no changes and refusals')
    .option(
      '--max-audit-file-bytes <number>',
      `size at which a file of the audit log is followed by a new file (default: ${String(limits.maxAuditFileBytes)})`,
      integerOption,
    )
    .option(
      '--max-audit-files <number>',
      `maximum number of files of the audit log; the oldest is removed (default: ${String(limits.maxAuditFiles)})`,
      integerOption,
    )
    .option('--json', 'print the URL as JSON')
    .addHelpText(
      'after',
      `
Examples:
  clerk serve                                  a registry for this machine, in memory
  clerk serve --data ./registry                a registry that stores its names
  clerk init --data ./registry                 before it: secure the registry
  clerk serve --data ./registry --manifests ./manifests   a registry that starts services
  clerk serve --data ./restored --adopt        continue with a folder that was restored or copied

Exit codes: 0 stopped by a signal, 1 failed (port in use), 2 usage, 5 the data folder is in use or writable by others.`,
    )
    .action(serve);
}

async function serve({
  port,
  host,
  data,
  manifests,
  adopt,
  insecure,
  allowHost = [],
  maxRegistrations,
  maxWatches,
  maxNames,
  maxNamesPerPrincipal,
  maxGuarantee,
  maxConnections,
  ipv4Prefix,
  ipv6Prefix,
  audit,
  maxAuditFileBytes,
  maxAuditFiles,
  json = false,
}: ServeOptions): Promise<void> {
  const log = (message: string): void => void process.stderr.write(`clerk: ${sanitizeLine(message)}\n`);
  const terminated = untilTerminated();
  // Loaded here, so that `--help` does not load the server.
  const { startServer } = await import('../../server/index.js');
  const logger = { debug: () => undefined, info: log, warn: log, error: log };
  const server = await startServer(
    definedFields({
      ...{ port, host, data, manifests, adopt, insecure, maxRegistrations, maxWatches, maxNames },
      ...{ maxNamesPerPrincipal, maxGuaranteedMs: maxGuarantee, maxConnections },
      ...{ ipv4PrefixLength: ipv4Prefix, ipv6PrefixLength: ipv6Prefix },
      ...{ audit, maxAuditFileBytes, maxAuditFiles },
      allowedHosts: allowHost,
      logger,
    }),
  ).catch((error: unknown) => {
    // The exit code of `CONFIG_INVALID` stands for an invalid command line, which this error is not.
    if (isClerkError(error) && error.code === 'FORBIDDEN') throw error;
    throw new ClerkError('START_FAILED', errorMessage(error), { cause: error });
  });
  const isOpen = server.url.startsWith('http:');
  if (host !== undefined && isOpen && !isLoopback(host))
    log(
      `Warning: the server on ${host} has no access control, so every host that can connect can change all names; protect the port with a firewall`,
    );
  const { url, registryKey, registryKeys } = server;
  process.stdout.write(
    `${json ? JSON.stringify({ url, port: server.port, registryKey, ...(registryKeys.length > 1 && { registryKeys }) }) : url}\n`,
  );
  log(
    data === undefined
      ? 'Names are kept in memory only; store names on disk with --data DIR'
      : `Names are stored in ${data}`,
  );
  if (host !== undefined) log(`The server listens on ${host}, port ${String(server.port)}`);
  if (registryKey !== undefined) log(`The key of the registry is ${registryKey}`);
  for (const key of registryKeys.filter((each) => each !== registryKey))
    log(
      `The registry also announces the key ${key}, because clerk registry-key is replacing its key; clients must know the key ${String(registryKey)}`,
    );
  await terminated;
  await server.close();
}

/** A second signal of the same kind ends the process. */
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
    throw new InvalidArgumentError('The value must be an integer from 0 to 65535.');
  return port;
}

function countOption(text: string): number {
  const count = Number(text);
  if (!/^[0-9]{1,8}$/.test(text) || count < 1 || count > 10_000_000)
    throw new InvalidArgumentError('The value must be an integer from 1 to 10000000.');
  return count;
}

function listOption(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, text];
}

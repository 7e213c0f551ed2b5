import { InvalidArgumentError, Option, type Command } from 'commander';
import { isLoopbackHost } from '../../core/address.js';
import { definedFields } from '../../core/defined-fields.js';
import { ClerkError, isClerkError, errorMessage } from '../../core/errors.js';
import { defaultRegistryUrl, limits } from '../../protocol/limits.js';
import type { Io } from '../io.js';
import { integerOption } from '../option-parsers.js';
import { sanitizeLine } from '../sanitize.js';

interface ServeOptions {
  readonly port: number;
  readonly host?: string;
  readonly data?: string;
  readonly store?: string;
  readonly storeFile?: string;
  readonly advertise?: readonly string[] | false;
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
export function addServeCommand(program: Command, io: Io): void {
  program
    .command('serve')
    .summary('run a registry')
    .description(
      `Run the bundled registry server, by default at ${defaultRegistryUrl}. Without --data, names are kept in memory only. A folder that \`clerk init\` has secured is served over https:, to clients with an enrolled key.`,
    )
    .option('-p, --port <number>', 'port to listen on; 0 for any free port', portOption, limits.defaultPort)
    .option('--host <address>', 'address to listen on (default: 127.0.0.1, this machine only)')
    .option('-d, --data <folder>', 'folder to store names in')
    .addOption(
      new Option(
        '--store <url>',
        'database to store names in, for several servers: etcd://… or postgres://… (default: $CLERK_STORE)',
      ).conflicts('storeFile'),
    )
    .option('--store-file <file>', 'file of mode 0600 with the URL of the database, in place of --store')
    .option(
      '--advertise <url>',
      'with --store: URL of this server that clients learn from the other servers; repeatable (default: the URL where this server listens)',
      listOption,
    )
    .option('--no-advertise', 'let clients learn no URL of this server')
    .option(
      '-m, --manifests <folder>',
      'folder with the manifests of the services that the registry may start',
    )
    .option(
      '--adopt',
      'use a copied data folder in place of the original folder, and supervise the processes that the original registry has started; the original folder must not be used again',
    )
    .option(
      '--insecure',
      'let a registry without keys listen on an address that other hosts reach; each response states this in a header',
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
      `maximum guaranteed time of a name, in ms (default: ${String(limits.maxGuaranteedMs)})`,
      integerOption,
    )
    .option(
      '--max-connections <number>',
      `maximum number of open connections (default: ${String(limits.maxConnections)})`,
      countOption,
    )
    .option(
      '--ipv4-prefix <bits>',
      `without keys, clients with the same leading bits of their IPv4 address are one principal: number of bits (default: ${String(limits.ipv4PrefixLength)})`,
      integerOption,
    )
    .option(
      '--ipv6-prefix <bits>',
      `without keys, clients with the same leading bits of their IPv6 address are one principal: number of bits (default: ${String(limits.ipv6PrefixLength)})`,
      integerOption,
    )
    .option('--audit', 'record changes and refusals in the data folder (default for a secured registry)')
    .option('--no-audit', 'do not record changes and refusals')
    .option(
      '--max-audit-file-bytes <number>',
      `size of a file of the audit log, in bytes, at which a new file begins (default: ${String(limits.maxAuditFileBytes)})`,
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
  clerk init --data ./registry                 secure the registry before you serve it
  clerk serve --data ./registry --manifests ./manifests   a registry that starts services
  clerk serve --data ./restored --adopt        continue with a folder that was restored or copied
  clerk serve --store etcd://10.0.0.7:2379,10.0.0.8:2379/clerk   one of several servers; a URL with a password is better
                                               in $CLERK_STORE or --store-file, since ps shows command lines

Exit codes: 0 stopped by a signal, 1 failed (port in use), 2 usage, 5 the data folder is in use or writable by others, or the database refuses the user.`,
    )
    .action((options: ServeOptions) => serve(options, io));
}

async function serve(
  {
    port,
    host,
    data,
    store: storeOption,
    storeFile,
    advertise,
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
  }: ServeOptions,
  { env, onNpxEnd }: Pick<Io, 'env' | 'onNpxEnd'>,
): Promise<void> {
  const log = (message: string): void => void process.stderr.write(`clerk: ${sanitizeLine(message)}\n`);
  const terminated = untilTerminated();
  const orphaned = new Promise<void>((resolve) => onNpxEnd(resolve));
  if (storeOption !== undefined && /^[^/]*:\/\/[^/@]*:[^/@]+@/.test(storeOption))
    log(
      'Warning: other users of this machine can read the password in --store with ps; use --store-file or $CLERK_STORE',
    );
  // A flag has precedence over the environment.
  const fromEnvironment = env.CLERK_STORE === '' ? undefined : env.CLERK_STORE;
  const store = storeOption ?? (storeFile === undefined ? fromEnvironment : undefined);
  // Loaded here, so that `--help` does not load the server.
  const { startServer } = await import('../../server/index.js');
  const logger = { debug: () => undefined, info: log, warn: log, error: log };
  const server = await startServer(
    definedFields({
      ...{
        port,
        host,
        data,
        store,
        storeFile,
        advertise,
        manifests,
        adopt,
        insecure,
        maxRegistrations,
        maxWatches,
        maxNames,
      },
      ...{ maxNamesPerPrincipal, maxGuaranteedMs: maxGuarantee, maxConnections },
      ...{ ipv4PrefixLength: ipv4Prefix, ipv6PrefixLength: ipv6Prefix },
      ...{ audit, maxAuditFileBytes, maxAuditFiles },
      allowedHosts: allowHost,
      logger,
    }),
  ).catch((error: unknown) => {
    // `CONFIG_INVALID` has the exit code of an invalid command line. That exit code would be wrong here.
    if (isClerkError(error) && error.code === 'FORBIDDEN') throw error;
    throw new ClerkError('START_FAILED', errorMessage(error), { cause: error });
  });
  const isOpen = server.url.startsWith('http:');
  if (host !== undefined && isOpen && !isLoopbackHost(host))
    log(
      `Warning: the server on ${host} has no access control, so every host that can connect can change all names; protect the port with a firewall`,
    );
  const { url, registryKey, registryKeys } = server;
  process.stdout.write(
    `${json ? JSON.stringify({ url, port: server.port, registryKey, ...(registryKeys.length > 1 && { registryKeys }) }) : url}\n`,
  );
  // With a database, the server has already logged where the names are stored.
  if (store === undefined && storeFile === undefined)
    log(
      data === undefined
        ? 'Names are kept in memory only; store names on disk with --data DIR'
        : `Names are stored in ${data}`,
    );
  if (host !== undefined) log(`The server listens on ${host}, port ${String(server.port)}`);
  if (registryKey !== undefined) log(`The key of the registry is ${registryKey}`);
  for (const key of registryKeys.filter((each) => each !== registryKey))
    log(
      `The registry also announces the key ${key}, because the rotation with clerk registry-key is not complete; clients must know the key ${String(registryKey)}, which the registry proves`,
    );
  await Promise.race([terminated, orphaned.then(() => log('The registry ends, because npx has ended'))]);
  await server.close();
}

/** A second signal of the same kind ends the process. */
function untilTerminated(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
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

function listOption(text: string, previous?: readonly string[] | false): readonly string[] {
  return [...(previous || []), text];
}

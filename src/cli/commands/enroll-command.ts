import { Option } from 'commander';
import type { KeyAlgorithm } from '../../core/credentials.js';
import { definedFields } from '../../core/defined-fields.js';
import { quote } from '../../core/describe-value.js';
import { ClerkError, isClerkError } from '../../core/errors.js';
import { isEnrolToken } from '../../protocol/enrol-token.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { styled } from '../output.js';
import { parseNameArgument } from '../parse-name.js';
import { pathExists, readInput } from '../read-input.js';
import { registryPins } from '../registry-credentials.js';
import { registryUrls } from '../registry-option.js';
import type { Io } from '../io.js';

interface Options {
  readonly name: string;
  readonly token?: string;
  readonly algorithm?: KeyAlgorithm;
}

export const addEnrollCommand = defineCommand({
  usage: 'enroll <file>',
  summary: 'enroll a new key with a token, and write an identity file',
  description:
    'Create a key, enroll it at the registry with a token of an operator, and write an identity file that only you can read. The file also keeps the URLs and the key of the registry. An existing file is never overwritten. A token on the command line is visible in the list of processes; use `--token -` or $CLERK_TOKEN to avoid this.',
  opensIdentity: false,
  options: (own) =>
    own
      .requiredOption('--name <name>', 'name of the principal, for which the token was created')
      .option('--token <token>', 'one-time token; - for standard input (default: $CLERK_TOKEN)')
      .addOption(
        new Option('--algorithm <algorithm>', 'algorithm of the key (default: Ed25519)').choices([
          'Ed25519',
          'ES256',
        ]),
      ),
  examples: [
    [
      'clerk enroll orders.identity --name /shop/orders --token - --registry https://reg:4711 --registry-key sha256/…',
      'a service on another host, with the token on standard input',
    ],
    [
      'clerk token /shop/orders | clerk enroll orders.identity --name /shop/orders --token -',
      'on one machine, with $CLERK_REGISTRY_KEY set',
    ],
  ],
  run: enroll,
});

async function enroll(context: CommandContext, file: string, options: Options): Promise<void> {
  const { io, stdout, json, options: common } = context;
  const name = parseNameArgument(options.name, 'Principal');
  const registryKey = registryPins(common, io.env);
  if (registryKey === undefined)
    throw new ClerkError(
      'CONFIG_INVALID',
      'clerk enroll needs the key of the registry, which clerk init and clerk serve print; give --registry-key, or set $CLERK_REGISTRY_KEY',
    );
  const registry = registryUrls({
    option: common.registry,
    environment: io.env.CLERK_REGISTRY,
    needsTls: true,
  });
  await rejectExisting(file);
  const token = await readToken(io, options.token);
  const { openIdentity } = await import('../../identity/index.js');
  const { last, registryKeys } = await openIdentity({
    ...definedFields({ algorithm: options.algorithm }),
    ...{ file, name, token, registry, registryKey },
  });
  const key = last?.pin;
  if (json) return stdout.json({ name, file, key, registry, registryKey: registryKeys });
  await stdout.line(`Enrolled ${name} in ${file}`, styled('faint', `  key ${String(key)}`));
}

/**
 * Rejects an existing file before the token is used up. If no registry has confirmed the key in the file, an earlier
 * enrollment was interrupted. In this case, the file is used again.
 */
async function rejectExisting(file: string): Promise<void> {
  if (!(await pathExists(file))) return;
  const { openIdentity } = await import('../../identity/index.js');
  const identity = await openIdentity(file).catch((error: unknown) => {
    if (!isClerkError(error)) throw error;
    throw existingFileError(file, error.message);
  });
  if (identity.registryKeys.length > 0)
    throw existingFileError(file, `it is the identity of ${identity.name}`);
}

function existingFileError(file: string, found: string): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `File ${quote(file)} exists already, and is not overwritten (${found}); choose another path, or replace the key of a valid identity file with clerk identity rotate`,
  );
}

async function readToken(io: Io, option: string | undefined): Promise<string> {
  const text = option ?? (io.env.CLERK_TOKEN === '' ? undefined : io.env.CLERK_TOKEN);
  if (text === undefined || (text === '-' && io.stdin.isTTY === true))
    throw new ClerkError(
      'CONFIG_INVALID',
      'clerk enroll needs a token, which an operator creates with clerk token NAME; give the token with --token or $CLERK_TOKEN, or give --token - and pipe the token to the command',
    );
  const token =
    text === '-'
      ? Buffer.from(await readInput(io, '-'))
          .toString('utf8')
          .trim()
      : text;
  const { length } = token;
  if (isEnrolToken(token)) return token;
  if (length === 0)
    throw new ClerkError(
      'CONFIG_INVALID',
      'The token is empty; give the line that clerk token has printed, with --token, $CLERK_TOKEN, or on standard input with --token -',
    );
  // The message does not quote the token. @see [C8.4](../../../docs/guarantees.md#c8-4)
  throw new ClerkError(
    'CONFIG_INVALID',
    `The token must begin with clerk_token_ and be complete; got ${String(length)} characters in another form; copy the whole line that clerk token has printed`,
  );
}

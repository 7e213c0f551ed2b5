import { Option, type Command } from 'commander';
import { defaultRegistryUrl } from '../protocol/limits.js';
import { millisecondsOption } from './option-parsers.js';

/** Options that every command accepts, before or after its name. */
export interface CommonOptions {
  readonly json?: true;
  readonly registry?: string;
  readonly registryKey?: string;
  readonly identity?: string;
  readonly timeout?: number;
}

export const commonOptionsHeading = 'Common options:';

const optionKeys = Object.keys({
  json: true,
  registry: true,
  registryKey: true,
  identity: true,
  timeout: true,
} satisfies Record<keyof CommonOptions, true>);

export function addCommonOptions(command: Command, timeoutMs?: number): void {
  const where = `registry URLs, separated by commas (default: $CLERK_REGISTRY, otherwise the URLs in the identity file, otherwise ${defaultRegistryUrl}, or the same with https: if an identity or a registry key is given)`;
  for (const option of [
    new Option('--json', 'print JSON, one value per line'),
    new Option('--registry <urls>', where),
    new Option(
      '--registry-key <keys>',
      'key that the registry must prove: sha256/…, several separated by commas (default: $CLERK_REGISTRY_KEY, or the keys in the identity file)',
    ),
    new Option(
      '--identity <file>',
      'identity file whose key the command proves to the registry (default: $CLERK_IDENTITY)',
    ),
    new Option('--timeout <ms>', 'timeout of the command, in ms')
      .argParser(millisecondsOption)
      .default(timeoutMs),
  ])
    command.addOption(option.helpGroup(commonOptionsHeading));
}

/** If an option is given both before and after a command name, the one after the innermost command name applies. */
export function commonOptionsOf(command: Command): CommonOptions {
  const commands: Command[] = [];
  for (let each: Command | null = command; each !== null; each = each.parent) commands.unshift(each);
  const given = commands.flatMap((each) =>
    optionKeys
      .filter((key) => (each.getOptionValueSource(key) ?? 'default') !== 'default')
      .map((key) => [key, each.getOptionValue(key)] as const),
  );
  return Object.fromEntries(given);
}

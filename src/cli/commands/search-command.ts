import { ClerkError } from '../../core/errors.js';
import type { SearchMessage } from '../../protocol/lookup-messages.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { styled, type TextPart } from '../output.js';
import { parseGlobArgument } from '../parse-name.js';

export const addSearchCommand = defineCommand({
  usage: 'search <glob> [filter...]',
  summary: 'find endpoints by their properties',
  description:
    'Find the endpoints of the services whose names match a glob. Each filter is KEY=VALUE: the key is id, zone, host or version, or the name of an attribute. An endpoint must match all filters. Without a filter, every endpoint is found. Quote a glob, so that the shell does not expand it.',
  examples: [
    ["clerk search '/shop/**' zone=eu-1", 'the endpoints in a zone'],
    ["clerk search '/**' version=2.1.0 tier=gold", 'a version, and an attribute'],
    ["clerk search '/**' --json", 'every endpoint, one service a line as JSON'],
  ],
  run: search,
});

async function search(
  { registry, stdout, stderr, json }: CommandContext,
  text: string,
  filters: readonly string[],
): Promise<void> {
  const glob = parseGlobArgument(text);
  const filter = parseFilters(filters);
  const print = stdout.table();
  let total = 0;
  for await (const services of registry.search(glob.text, filter)) {
    total += services.length;
    if (json) for (const service of services) await stdout.json(service);
    else await print(services.flatMap(rows));
  }
  if (total === 0)
    await stderr.line(styled('faint', `No service that matches ${glob.text} has a matching endpoint`));
}

function rows({ name, endpoints }: SearchMessage): TextPart[][] {
  return endpoints.map(({ id, addresses, zone, version, state }) => [
    styled('strong', name),
    id,
    addresses.join(' '),
    styled('faint', [zone, version].filter((part) => part !== null).join(' ')),
    state === 'up' ? '' : styled('warning', state),
  ]);
}

function parseFilters(texts: readonly string[]): Readonly<Record<string, string>> {
  const filter = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf('=');
    if (at <= 0)
      throw new ClerkError(
        'CONFIG_INVALID',
        `A filter must have the form KEY=VALUE, such as zone=eu-1; got '${text}'`,
      );
    const key = text.slice(0, at);
    if (filter.has(key))
      throw new ClerkError(
        'CONFIG_INVALID',
        `Each filter must have a different key; got '${key}' in two filters; remove one of the two`,
      );
    filter.set(key, text.slice(at + 1));
  }
  return Object.fromEntries(filter);
}

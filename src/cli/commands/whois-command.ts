import { parseAddress } from '../../core/address.js';
import { ClerkError } from '../../core/errors.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { styled } from '../output.js';

export const addWhoisCommand = defineCommand({
  usage: 'whois <address>',
  summary: 'find the services of an address',
  description:
    'Find the services that have an endpoint with this address. Write the address exactly as the endpoint registered it.',
  examples: [['clerk whois http://127.0.0.1:3001', 'the services of this address']],
  run: whois,
});

async function whois({ registry, stdout, json }: CommandContext, address: string): Promise<void> {
  const { text } = parseAddress(address);
  const owners = await registry.whois(text);
  if (owners.length === 0)
    throw new ClerkError(
      'NAME_NOT_FOUND',
      `No endpoint is registered with address ${text}; list the endpoints with clerk search '/**'`,
    );
  if (json) for (const owner of owners) await stdout.json(owner);
  else
    await stdout.table()(
      owners.map(({ name, id, epoch }) => [styled('strong', name), id, styled('faint', `epoch ${epoch}`)]),
    );
}

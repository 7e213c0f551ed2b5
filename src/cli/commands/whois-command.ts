import type { Command } from 'commander';
import { parseAddress } from '../../core/address.js';
import { ClerkError } from '../../core/errors.js';
import { paths } from '../../protocol/paths.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import type { Io } from '../io.js';
import { styled } from '../output.js';
import { decodeWhois } from '../decode-responses.js';

/** Adds `clerk whois`: finds the services that have registered an address. */
export function addWhoisCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'whois <address>',
    summary: 'find the services of an address',
    description:
      'Find the services that have an endpoint with this address. Write the address exactly as the endpoint registered it.',
    examples: [['clerk whois http://127.0.0.1:3001', 'its services']],
  });
  command.action((address: string) => whois(createContext(io, command), address));
}

async function whois({ client, stdout, json }: CommandContext, address: string): Promise<void> {
  const { text } = parseAddress(address);
  const { owners } = decodeWhois(await client.get(paths.whois, { address: text }), '');
  if (owners.length === 0)
    throw new ClerkError('NAME_NOT_FOUND', `No endpoint is registered with address ${text}`);
  if (json) for (const owner of owners) await stdout.json(owner);
  else
    await stdout.table()(
      owners.map(({ name, id, epoch }) => [styled('strong', name), id, styled('faint', `epoch ${epoch}`)]),
    );
}

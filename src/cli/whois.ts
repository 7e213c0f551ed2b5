/** `clerk whois`: the way back from an address to the names that it serves. */
import type { Command } from 'commander';
import { parseAddress } from '../core/address.js';
import { ClerkError } from '../core/errors.js';
import { paths } from '../wire/paths.js';
import { addCommand, contextOf, type Context } from './command.js';
import type { Io } from './io.js';
import { paint } from './output.js';
import { whoisReply } from './replies.js';

/** Adds the command. */
export function addWhois(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'whois <address>',
    summary: 'find whose address it is',
    description: 'Find the services that are registered under an address, written as the service wrote it.',
    examples: [['clerk whois http://127.0.0.1:3001', 'whose it is']],
  });
  command.action((address: string) => whois(contextOf(io, command), address));
}

async function whois({ client, out, json }: Context, address: string): Promise<void> {
  const { text } = parseAddress(address);
  const { owners } = whoisReply(await client.get(paths.whois, { address: text }), '');
  if (owners.length === 0) throw new ClerkError('NAME_NOT_FOUND', `Nobody is registered under ${text}`);
  if (json) for (const owner of owners) await out.json(owner);
  else
    await out.table()(
      owners.map(({ name, id, epoch }) => [paint('strong', name), id, paint('faint', `epoch ${epoch}`)]),
    );
}

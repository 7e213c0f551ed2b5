import { InvalidArgumentError } from 'commander';
import { definedFields } from '../../core/defined-fields.js';
import { enrolTokenTtl } from '../../protocol/enrol-token.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { formatDuration } from '../format.js';
import { durationOption } from '../option-parsers.js';
import { styled } from '../output.js';
import { parseNameArgument } from '../parse-name.js';

export const addTokenCommand = defineCommand({
  usage: 'token <name>',
  summary: 'create a one-time token that enrolls a key of a principal',
  description:
    'Create a token with which one key of one principal can be enrolled, once. Prints only the token on standard output. Needs the right admin on the name of the principal.',
  options: (own) =>
    own.option(
      '--ttl <time>',
      'time for which the token is valid, from 1s to 24h (default: 10m)',
      timeToLiveOption,
    ),
  examples: [
    ['clerk token /shop/orders --ttl 10m', 'a token for /shop/orders'],
    [
      'clerk token /shop/orders | clerk enroll orders.identity --name /shop/orders --token -',
      'enroll on the same machine, without the token in the list of processes',
    ],
  ],
  run: createToken,
});

async function createToken(
  { registry, stdout, stderr, json }: CommandContext,
  text: string,
  { ttl }: { readonly ttl?: number },
): Promise<void> {
  const principal = parseNameArgument(text, 'Principal');
  const options = definedFields({ ttlMs: ttl });
  const { token, expiresAt, expiresInMs } = await registry.identities.createToken(principal, options);
  if (json) return stdout.json({ token, expiresAt });
  await stdout.line(token);
  await stderr.line(
    styled(
      'faint',
      `The token enrolls one key of ${principal}, once, within ${formatDuration(expiresInMs)}: clerk enroll FILE --name ${principal} --token -`,
    ),
  );
}

function timeToLiveOption(text: string): number {
  const ttlMs = durationOption(text);
  if (ttlMs >= enrolTokenTtl.minMs && ttlMs <= enrolTokenTtl.maxMs) return ttlMs;
  throw new InvalidArgumentError('The value must be from 1s to 24h.');
}

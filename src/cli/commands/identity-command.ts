import { ClerkError } from '../../core/errors.js';
import { parsePin } from '../../core/key-pin.js';
import type { IdentityMessage } from '../../protocol/identity-messages.js';
import { definedFields } from '../../core/defined-fields.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { defineGroup } from '../define-group.js';
import { formatCount, formatDuration } from '../format.js';
import { styled, type TextPart } from '../output.js';
import { parseNameArgument } from '../parse-name.js';
import { printColumns, type Column } from '../print-columns.js';
import { addRotateCommand } from './rotate-command.js';

const addLsCommand = defineCommand({
  usage: 'ls [name]',
  summary: 'list principals and their keys',
  description:
    'List the keys of all principals that you administrate, or of one of them: how and when each key was enrolled, when it was last used since the start of the server, and whether it is still valid.',
  examples: [
    ['clerk identity ls', 'all keys'],
    ["clerk identity ls --json | jq -r 'select(.revokedAt | not) | .principal'", 'principals with live keys'],
  ],
  run: list,
});

const addRevokeCommand = defineCommand({
  usage: 'revoke <name> [key]',
  summary: 'revoke one key of a principal, or all its keys',
  description:
    'Revoke a key of a principal, or all its keys and unused tokens. Endpoints that were registered with a revoked key are removed at once. Tickets that the registry has issued before stay valid until they expire; the command prints when the last ticket expires.',
  examples: [
    ['clerk identity revoke /shop/web', 'all keys of /shop/web'],
    ['clerk identity revoke /shop/web sha256/Ei…', 'one key, as `clerk identity ls` prints it'],
  ],
  run: revoke,
});

export const addIdentityCommand = defineGroup({
  name: 'identity',
  summary: 'list, rotate and revoke keys',
  description: 'List the keys of principals, rotate your own key, and revoke keys.',
  commands: [addLsCommand, addRotateCommand, addRevokeCommand],
  examples: [
    ['clerk identity ls /shop/web', 'the keys of /shop/web'],
    ['clerk identity rotate web.identity', 'replace the key in the file'],
    ['clerk identity revoke /shop/web', 'end all keys of /shop/web'],
  ],
});

async function list(
  { registry, stdout, stderr, json }: CommandContext,
  text: string | undefined,
): Promise<void> {
  const principal = text === undefined ? undefined : parseNameArgument(text, 'Principal');
  const identities = await registry.identities.list(principal);
  if (json) for (const identity of identities) await stdout.json(identity);
  else if (identities.length > 0) await printColumns(stdout, columns, identities);
  else
    await stderr.line(
      styled(
        'faint',
        `No key${principal === undefined ? '' : ` of ${principal}`}; the list contains only principals on which you have the right admin`,
      ),
    );
}

const columns: readonly Column<IdentityMessage>[] = [
  ['PRINCIPAL', ({ principal }) => principal],
  ['KEY', ({ key }) => key],
  ['STATE', keyState],
  ['BY', ({ by, instance }) => (instance === undefined ? by : `${by} of ${instance.id}`)],
  ['ENROLLED', ({ enrolledAt }) => enrolledAt],
  ['LAST USED', ({ lastUsedAt }) => lastUsedAt ?? ''],
];

function keyState({ revokedAt, retiresAt }: IdentityMessage): TextPart {
  if (revokedAt !== undefined) return styled('bad', `revoked ${revokedAt}`);
  return retiresAt === undefined ? styled('good', 'valid') : styled('warning', `valid until ${retiresAt}`);
}

async function revoke(
  { registry, stdout, json }: CommandContext,
  text: string,
  keyText: string | undefined,
): Promise<void> {
  const principal = parseNameArgument(text, 'Principal');
  const key = keyText === undefined ? undefined : parseKey(keyText);
  const { revoked, ticketsEndInMs } = await registry.identities.revoke(principal, definedFields({ key }));
  if (json) return stdout.json({ principal, revoked, ticketsEndInMs });
  await stdout.line(`Revoked ${formatCount(revoked.length, 'key')} of ${principal}: ${revoked.join(', ')}`);
  await stdout.line(`The present tickets of ${principal} expire within ${formatDuration(ticketsEndInMs)}`);
}

function parseKey(text: string): string {
  try {
    return parsePin(text, 'Key');
  } catch {
    throw new ClerkError(
      'CONFIG_INVALID',
      `Key must be 'sha256/' and 43 characters; copy the key from clerk identity ls`,
    );
  }
}

import { describeValue } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import { isName } from '../core/name.js';
import type { LaunchHandshake } from './launch-messages.js';

/** @throws {@link ClerkError} `CONFIG_INVALID` when the text is not the line that a launcher writes */
export function parseHandshake(text: string): LaunchHandshake {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw handshakeError('the line is not valid JSON');
  }
  const fields = (typeof raw === 'object' && raw !== null ? raw : {}) as Partial<Record<string, unknown>>;
  if (fields.v !== 1)
    throw handshakeError(`its field 'v', the version, must be 1; got ${describeValue(fields.v)}`);
  if (!isName(fields.name)) throw handshakeError("its field 'name' must be the name of a service");
  if (!Array.isArray(fields.registry) || !fields.registry.every((url) => typeof url === 'string'))
    throw handshakeError("its field 'registry' must be a list of registry addresses");
  for (const key of ['instance', 'ticket', 'registryKey'])
    if (typeof fields[key] !== 'string' || fields[key] === '')
      throw handshakeError(`its field '${key}' must be a text that is not empty`);
  if (!Number.isSafeInteger(fields.epoch)) throw handshakeError("its field 'epoch' must be an integer");
  const { formerNames = [] } = fields;
  if (!Array.isArray(formerNames) || !formerNames.every(isName))
    throw handshakeError("its field 'formerNames' must be a list of names");
  return raw as LaunchHandshake;
}

/** The message does not quote the line, which contains secrets. @see [C8.4](../../docs/guarantees.md#c8-4) */
function handshakeError(why: string): ClerkError {
  return new ClerkError(
    'CONFIG_INVALID',
    `CLERK_LAUNCHED is set, but the line on standard input is not the JSON that a launcher writes: ${why}; unset CLERK_LAUNCHED if no launcher started this process`,
  );
}

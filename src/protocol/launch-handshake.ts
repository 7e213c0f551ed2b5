import { quote } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import { isName } from '../core/name.js';
import type { LaunchHandshake } from './launch-messages.js';

/** @throws {@link ClerkError} `CONFIG_INVALID` when the text is not a handshake */
export function parseHandshake(text: string): LaunchHandshake {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw handshakeError('the line is not valid JSON');
  }
  const fields = (typeof raw === 'object' && raw !== null ? raw : {}) as Partial<Record<string, unknown>>;
  if (fields.v !== 1) throw handshakeError(`its version must be 1; got ${quote(fields.v)}`);
  if (!isName(fields.name)) throw handshakeError('its name is missing or invalid');
  if (!Array.isArray(fields.registry) || !fields.registry.every((url) => typeof url === 'string'))
    throw handshakeError('its list of registry addresses is missing');
  for (const key of ['instance', 'ticket', 'registryKey'])
    if (typeof fields[key] !== 'string' || fields[key] === '') throw handshakeError(`its ${key} is missing`);
  if (!Number.isSafeInteger(fields.epoch)) throw handshakeError('its epoch is missing');
  return raw as LaunchHandshake;
}

/** The message does not quote the line, which contains secrets. @see [C8.4](../../docs/guarantees.md#c8-4) */
function handshakeError(why: string): ClerkError {
  return new ClerkError(
    'CONFIG_INVALID',
    `CLERK_LAUNCHED is set, but the line on standard input is not a launch handshake: ${why}; unset CLERK_LAUNCHED if no launcher started this process`,
  );
}

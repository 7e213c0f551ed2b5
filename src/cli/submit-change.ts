import { changeResponse } from '../protocol/response-schemas.js';
import type { CommandContext } from './command-context.js';
import { styled } from './output.js';
import { formatDuration } from './format.js';

/**
 * Sends a change to the registry and prints the result.
 *
 * @param names - the names in `request` by JSON key, for the JSON output
 * @param done - text that is printed when the change has been made
 * @param scheduled - text that is printed for a scheduled change, followed by the time until the change
 */
export async function submitChange(
  { client, stdout, json }: CommandContext,
  path: string,
  request: object,
  names: Readonly<Record<string, string>>,
  done: string,
  scheduled: string,
): Promise<void> {
  const { revision, appliesInMs } = await client.post(path, changeResponse, request);
  if (json) return stdout.json({ ...names, revision, appliesInMs });
  return stdout.line(
    appliesInMs > 0
      ? `${scheduled} in ${formatDuration(appliesInMs)}, when the guaranteed time has passed`
      : done,
    styled('faint', `  revision ${revision}`),
  );
}

import { decodeChange } from './decode-responses.js';
import type { CommandContext } from './command-context.js';
import { styled } from './output.js';
import { formatDuration } from './format.js';

/**
 * Prints the result of a change.
 *
 * @param response - response body of the registry, not yet validated
 * @param names - names in the request, by JSON key; the JSON output repeats these names
 * @param doneMessage - printed when the change has been made
 * @param scheduledMessage - printed when the change is scheduled; the time until the change is appended
 */
export async function printChange(
  { stdout, json }: CommandContext,
  response: unknown,
  names: Readonly<Record<string, string>>,
  doneMessage: string,
  scheduledMessage: string,
): Promise<void> {
  const { revision, appliesInMs } = decodeChange(response, '');
  if (json) return stdout.json({ ...names, revision, appliesInMs });
  return stdout.line(
    appliesInMs > 0
      ? `${scheduledMessage} in ${formatDuration(appliesInMs)}, when its guaranteed time has passed`
      : doneMessage,
    styled('faint', `  revision ${revision}`),
  );
}

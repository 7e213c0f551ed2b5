/** What is said of a change that was made, or will be. */
import { decodeChange } from './decode-responses.js';
import type { CommandContext } from './command-context.js';
import { styled } from './output.js';
import { formatDuration } from './format.js';

/**
 * Tells of a change.
 *
 * @param reply - of the registry, not yet checked
 * @param names - what JSON shows of the request
 * @param doneMessage - the sentence when it is made
 * @param scheduledMessage - the sentence when it will be; the time is added
 */
export async function printChange(
  { stdout, json }: CommandContext,
  reply: unknown,
  names: Readonly<Record<string, string>>,
  doneMessage: string,
  scheduledMessage: string,
): Promise<void> {
  const { revision, appliesInMs } = decodeChange(reply, '');
  if (json) return stdout.json({ ...names, revision, appliesInMs });
  return stdout.line(
    appliesInMs > 0
      ? `${scheduledMessage} in ${formatDuration(appliesInMs)}, when the last promise is over`
      : doneMessage,
    styled('faint', `  revision ${revision}`),
  );
}

import type { ChangeResponse } from '../protocol/naming-messages.js';
import type { CommandContext } from './command-context.js';
import { styled } from './output.js';
import { formatDuration } from './format.js';

/**
 * @param names - JSON key and value of each name in the request
 * @param done - printed when the change has been made
 * @param scheduled - printed for a scheduled change, before the time until the change
 */
export async function printChange(
  { stdout, json }: Pick<CommandContext, 'stdout' | 'json'>,
  change: Promise<ChangeResponse>,
  names: Readonly<Record<string, string>>,
  done: string,
  scheduled: string,
): Promise<void> {
  const { revision, appliesInMs } = await change;
  if (json) return stdout.json({ ...names, revision, appliesInMs });
  return stdout.line(
    appliesInMs > 0
      ? `${scheduled} in ${formatDuration(appliesInMs)}, when the guaranteed time has passed`
      : done,
    styled('faint', `  revision ${revision}`),
  );
}

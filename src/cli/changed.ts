/** What is said of a change that was made, or will be. */
import { changeReply } from './replies.js';
import type { Context } from './command.js';
import { paint } from './output.js';
import { duration } from './wording.js';

/**
 * Tells of a change.
 *
 * @param reply - of the registry, not yet checked
 * @param names - what JSON shows of the request
 * @param done - the sentence when it is made
 * @param later - the sentence when it will be; the time is added
 */
export async function tellChange(
  { out, json }: Context,
  reply: unknown,
  names: Readonly<Record<string, string>>,
  done: string,
  later: string,
): Promise<void> {
  const { revision, inMs } = changeReply(reply, '');
  if (json) return out.json({ ...names, revision, inMs });
  return out.line(
    inMs > 0 ? `${later} in ${duration(inMs)}, when the last promise is over` : done,
    paint('faint', `  revision ${revision}`),
  );
}

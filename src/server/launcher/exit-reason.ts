/** Why a program is gone, in words that may be shown to whoever asked for it. */
import type { ProcessExit } from '../../core/processes.js';

const maxLines = 20;
const maxCharacters = 2_000;

/** How it ended: `exited with code 3`, `was ended by SIGKILL`. */
export function describeExit({ code, signal }: ProcessExit): string {
  if (signal !== null) return `was ended by ${signal}`;
  return code === null ? 'has ended' : `exited with code ${String(code)}`;
}

/**
 * What it said last, as the end of a sentence: whole lines, without anything that could move a terminal's cursor.
 *
 * @param logTail - the end of its log
 * @see promises A26
 */
export function describeLogTail(logTail: string): string {
  const lines = logTail
    .slice(-maxCharacters)
    .split('\n')
    .map((line) =>
      line
        .replace(/\t/g, ' ')
        .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, '')
        .trimEnd(),
    )
    .filter((line) => line !== '')
    .slice(-maxLines);
  return lines.length === 0 ? '' : `; it last said:\n${lines.join('\n')}`;
}

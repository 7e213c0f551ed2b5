import type { ProcessExit } from '../../core/processes.js';

const maxLines = 20;
const maxCharacters = 2_000;

/** Returns text such as `exited with code 3` or `was killed by SIGKILL`. Returns `ended` without code and signal. */
export function describeExit({ code, signal }: ProcessExit): string {
  if (signal !== null) return `was killed by ${signal}`;
  return code === null ? 'ended' : `exited with code ${code}`;
}

/**
 * Formats the end of a log for an error message: at most 20 lines and 2,000 characters, separated by ` | `. Removes
 * control characters.
 *
 * @see [A26](../../../docs/guarantees.md#a26)
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
  return lines.length === 0 ? '' : `; last output: ${lines.join(' | ')}`;
}

import { quote } from '../../../core/describe-value.js';
import { ClerkError } from '../../../core/errors.js';
import { parseGlob, type Glob } from '../../../core/glob.js';
import { segmentsOf } from '../../../core/name.js';

/**
 * Returns the absolute glob of a principal pattern. A pattern that begins with `.` or `..` is relative to
 * `directory`.
 *
 * @param directory - `/` for the root
 * @throws {@link ClerkError} `NAME_INVALID` when the pattern is not a glob, or leads above the root
 * @see [G7](../../../../docs/background.md#g7)
 */
export function resolvePrincipalPattern(pattern: string, directory: string): Glob {
  if (!/^\.{1,2}\//.test(pattern)) return parseGlob(pattern);
  const steps = pattern.split('/');
  const base = directory === '/' ? [] : [...segmentsOf(directory)];
  for (let step = steps[0]; step === '.' || step === '..'; step = steps[0]) {
    if (step === '..' && base.pop() === undefined)
      throw new ClerkError(
        'NAME_INVALID',
        `Principal ${quote(pattern)} leads above the root from ${directory}; write fewer '..'`,
      );
    steps.shift();
  }
  return parseGlob(`/${[...base, ...steps].join('/')}`);
}

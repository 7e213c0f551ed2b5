/**
 * The attacks of hostile load at full size, one after the other. Exits with 1 if a figure exceeds its limit.
 *
 *   npm run attacks                            # all, some minutes
 *   npm run attacks -- watch search            # those whose name contains one of these
 *   npm run attacks -- --small --tolerance 5   # as the tests run them
 *   npm run attacks -- watch --size 100        # at another size
 */
import { parseArgs } from 'node:util';
import { errorMessage } from '../../src/core/errors.js';
import { attackNames, loadAttack } from './load/all-attacks.js';
import { exceededLimits } from './load/load-attack.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    small: { type: 'boolean', default: false },
    size: { type: 'string' },
    tolerance: { type: 'string', default: '1' },
  },
});
const chosen = attackNames().filter(
  (name) => positionals.length === 0 || positionals.some((text) => name.includes(text)),
);
let failed = 0;
for (const name of chosen) {
  const attack = await loadAttack(name);
  const size =
    values.size === undefined ? attack.sizes[values.small ? 'small' : 'full'] : Number(values.size);
  console.log(`${attack.name} (${String(size)}): ${attack.what}`);
  let problems: readonly string[];
  try {
    const figures = await attack.run(size);
    const texts = Object.entries(figures).map(
      ([name, figure]) => `${name} ${String(Math.round(figure * 10) / 10)}`,
    );
    console.log(`  ${texts.join(', ')}`);
    problems = exceededLimits(attack, figures, {
      tolerance: Number(values.tolerance),
      isFull: !values.small && values.size === undefined,
    });
  } catch (error) {
    problems = [errorMessage(error)];
  }
  for (const problem of problems) console.log(`  FAILED: ${problem}`);
  failed += Number(problems.length > 0);
}
console.log(`${String(chosen.length - failed)} passed, ${String(failed)} failed`);
process.exit(failed === 0 ? 0 : 1);

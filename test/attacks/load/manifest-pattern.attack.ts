import { performance } from 'node:perf_hooks';
import { LinearPattern } from '../../../src/server/launcher/linear-pattern.js';
import type { LoadAttack } from './load-attack.js';

const patterns = ['([a-z]+)+', '(a|aa)+', '(a*)*b', '(.*)*(.*)*x', '((a?){20}){20}(a{20}){20}', '(a|b|ab)*c'];

export const attack: LoadAttack = {
  name: 'manifest-pattern',
  what: 'a parameter of 256 characters against patterns with nested repetitions is matched in linear time',
  sizes: { small: 256, full: 256 },
  limits: { heldMs: 50 },
  async run(size) {
    let heldMs = 0;
    for (const source of patterns) {
      let pattern: LinearPattern;
      try {
        pattern = new LinearPattern(source);
      } catch {
        continue;
      }
      for (const value of [`${'a'.repeat(size - 1)}!`, 'ab'.repeat(size / 2)]) {
        const startedAt = performance.now();
        pattern.matches(value);
        heldMs = Math.max(heldMs, performance.now() - startedAt);
      }
    }
    return { heldMs };
  },
};

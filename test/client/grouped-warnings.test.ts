import { expect, test } from 'vitest';
import { GroupedWarnings } from '../../src/client/grouped-warnings.js';
import { ManualClock } from '../support/manual-clock.js';

test('equal warnings about other names are counted for a second', () => {
  const clock = new ManualClock();
  const lines: string[] = [];
  const log = (message: string): void => void lines.push(message);
  const warnings = new GroupedWarnings(clock, { debug: log, info: log, warn: log, error: log });
  const warn = (name: string, problem: string): void =>
    warnings.warn(name, problem, (subject, text) => `${subject}: ${text}`);
  for (let i = 0; i < 1_000; i++) warn(`/n${String(i)}`, 'down');
  warn('/x', 'full');
  expect(lines).toEqual(['/n0: down', '/x: full']);
  expect(clock.hasRefTimers).toBe(false);
  clock.advance(1_000);
  expect(lines.slice(2)).toEqual(['999 other names: down']);
  warn('/n0', 'down');
  warn('/n1', 'down');
  clock.advance(1_000);
  expect(lines.slice(3)).toEqual(['/n0: down', '1 other name: down']);
});

/** What the demo draws, from numbers. The run itself is test/real/demo.test.ts. */
import { expect, test } from 'vitest';
import { plain, Row } from '../examples/demo/paint.js';
import { count, type Call, type Incident, type Recording, type Rush } from '../examples/demo/recording.js';
import { bars, conclusion, figures, story, succeeded } from '../examples/demo/story.js';
import { timeline } from '../examples/demo/timeline.js';

/** Answered within 5 ms: a call every 50 ms from `from` to `to`, by the named in turn; undefined fails. */
function steady(from: number, to: number, ...by: (string | undefined)[]): Call[] {
  return Array.from({ length: (to - from) / 50 }, (_, i) => ({
    at: from + i * 50,
    ms: 5,
    by: by[i % by.length],
  }));
}

const incidents: Incident[] = [
  { at: 2_000, replica: 'a', what: 'killed' },
  { at: 2_010, replica: 'a', what: 'ejected', reason: 'reset' },
  { at: 2_011, replica: 'a', what: 'failover' },
  { at: 2_012, replica: 'a', what: 'failover' },
  { at: 5_000, replica: 'a', what: 'restarted' },
  { at: 5_250, replica: 'a', what: 'revived' },
  { at: 7_000, replica: 'b', what: 'stopped' },
  { at: 7_080, replica: 'b', what: 'ejected', reason: 'timeout' },
  { at: 9_000, replica: 'b', what: 'continued' },
];
const recording: Recording = {
  replicas: ['a', 'b'],
  durationMs: 10_000,
  incidents,
  calls: [
    ...steady(0, 2_000, 'a', 'b'),
    ...steady(2_000, 5_250, 'b'),
    ...steady(5_250, 7_000, 'a', 'b'),
    { at: 7_010, ms: 80, by: 'a' },
    { at: 7_020, ms: 70, by: 'a' },
    ...steady(7_250, 9_250, 'a'),
    ...steady(9_250, 10_000, 'a', 'b'),
  ],
};
const drawing = { columns: 40, paint: plain };

test('a run is drawn with what struck, who answered, what the clerk did and what was slow', () => {
  expect(timeline(recording, drawing)).toEqual([
    '  seconds     0   1   2   3   4   5   6   7   8   9',
    '  faults              ✖ kill a    ▶ start a ‖ stop b ▶',
    '  replica a   ▅▄▅▄▅▄▅▄✖···········▶▅▄▅▄▅▄▅▄████████▅▄▅',
    '  replica b   ▄▅▄▅▄▅▄▅█████████████▄▅▄▅▄▅▄‖·······▶▄▅▄',
    '  clerk               a out        a in   b out',
    '  over 50 ms                              2',
  ]);
});

test('time that has not come stays blank', () => {
  const calls = steady(0, 1_000, 'a');
  expect(timeline({ ...recording, calls, incidents: [] }, drawing)).toEqual([
    '  seconds     0   1   2   3   4   5   6   7   8   9',
    '  faults',
    '  replica a   ████',
    '  replica b   ····',
    '  clerk',
    '  over 50 ms',
  ]);
  expect(timeline({ ...recording, calls: [], incidents: [] }, drawing)[2]).toBe('  replica a');
});

test('calls that failed have a row of their own', () => {
  const calls = [...steady(0, 2_000, 'a'), ...steady(2_000, 3_000, undefined), ...steady(3_000, 10_000, 'a')];
  expect(timeline({ ...recording, calls, incidents: [] }, drawing).at(-1)).toBe('  failed              5555');
});

test('a call counts when it was answered; what comes after the end counts in the last column', () => {
  const calls = [
    { at: 240, ms: 20, by: 'a' },
    { at: 9_990, ms: 5_000, by: 'a' },
  ];
  const rows = timeline({ ...recording, calls, incidents: [] }, drawing);
  expect(rows[2]).toBe(`  replica a   ·█${'·'.repeat(37)}█`);
  expect(rows.at(-1)).toBe(`  over 50 ms  ${' '.repeat(39)}1`);
});

test('labels move away from each other and from the end', () => {
  const row = new Row(24).label(3, 'first', 'harm').label(5, 'second', 'heal').label(22, 'third', 'clerk');
  expect(row.toText(plain)).toBe('   first second    third');
});

test('each run of one style is painted once', () => {
  const row = new Row(10).write(1, 'ab', 'harm').write(3, 'c', 'heal');
  expect(row.toText((style, text) => `<${style} ${text}>`)).toBe(' <harm ab><heal c>');
});

test('the registry is named as such', () => {
  expect(story([{ at: 2_000, replica: 'registry', what: 'restarted' }], plain)).toEqual([
    '   2.00 s  ▶ the registry is restarted at the same port',
  ]);
});

test('the story lists the faults and the reactions of the clerk', () => {
  expect(story(incidents, plain)).toEqual([
    '   2.00 s  ✖ replica a is killed (SIGKILL): connections break or are refused',
    '   2.01 s    clerk ejects a: connections broke, 2 calls retried elsewhere',
    '   5.00 s  ▶ replica a is restarted at the same port',
    '   5.25 s    clerk uses a again: it responds',
    '   7.00 s  ‖ replica b is stopped (SIGSTOP): it accepts connections and does not respond',
    '   7.08 s    clerk ejects b: no response in time',
    '   9.00 s  ▶ replica b continues (SIGCONT)',
  ]);
});

const rush = (title: string, starts: number, failed = 0): Rush => ({
  title,
  startedAt: Array.from({ length: starts }, (_, i) => 60 + 10 * i),
  calls: Array.from({ length: 50 }, (_, i) => ({
    at: 0,
    ms: i === 49 ? 120 : 100,
    by: i < failed ? undefined : 'reports',
  })),
});

test('the figures count calls, failed, slowed, the longest and starts', () => {
  expect(count(recording.calls)).toEqual({ calls: 197, failed: 0, slowed: 2, longestMs: 80 });
  expect(figures(recording.calls, [rush('not running', 1)], plain)).toEqual([
    '                                      calls   failed   slowed  longest   starts',
    '  /shop/orders                          197        0        2    80 ms        –',
    '  /shop/reports, not running             50        0        –   120 ms        1',
  ]);
});

test('waiting for a start is drawn to scale', () => {
  expect(bars([rush('not running', 1)], plain, 10)).toEqual([
    '  not running     ░░░░░█████  1 start, up after 60 ms, all done after 120 ms',
  ]);
});

test('it went well if no call failed and every rush had one start', () => {
  const good = rush('not running', 1);
  expect(succeeded(recording.calls, [good, good])).toBe(true);
  expect(succeeded(recording.calls, [good, rush('killed', 2)])).toBe(false);
  expect(succeeded(recording.calls, [good, rush('killed', 0)])).toBe(false);
  expect(succeeded(recording.calls, [rush('not running', 1, 1)])).toBe(false);
  expect(succeeded([{ at: 0, ms: 1, by: undefined }], [good])).toBe(false);
});

test('the conclusion names what went wrong', () => {
  expect(conclusion(recording.calls, [rush('not running', 1)], plain)).toEqual([
    '  No call failed.',
    '  Of 197 steady calls 2 took longer than 50 ms, the longest 80 ms.',
    '  /shop/reports, not running: 50 callers, 1 start.',
  ]);
  const lost: Call = { at: 0, ms: 1, by: undefined, error: 'ENDPOINTS_EXHAUSTED' };
  expect(conclusion([lost], [rush('not running', 2)], plain)).toEqual([
    '  1 call failed, the first with ENDPOINTS_EXHAUSTED',
    '  Of 1 steady call none took longer than 50 ms, the longest 1 ms.',
    '  /shop/reports, not running: 50 callers, 2 starts.',
  ]);
});

import { expect, test } from 'vitest';
import { ClerkError } from '../../src/core/errors.js';

test('JSON.stringify shows the message, the causes and the outcomes of an error', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:80'), { code: 'ECONNREFUSED' });
  const cause = new AggregateError([refused], 'All addresses failed');
  const error = new ClerkError('ENDPOINTS_EXHAUSTED', 'No endpoint of /s responded', {
    cause,
    outcomes: [
      {
        ...{
          attempt: 1,
          endpoint: 'a',
          address: 'http://10.0.0.1:80',
          pickReason: 'random',
          stage: 'waiting',
        },
        ...{ verdict: 'failure', code: 'ECONNREFUSED', durationMs: 1, error: refused },
      },
    ],
  });
  const shown: unknown = JSON.parse(JSON.stringify({ error }));
  const refusedJson = { name: 'Error', code: 'ECONNREFUSED', message: refused.message };
  expect(shown).toEqual({
    error: {
      name: 'ClerkError',
      code: 'ENDPOINTS_EXHAUSTED',
      message: 'No endpoint of /s responded',
      execution: 'none',
      cause: { name: 'AggregateError', message: 'All addresses failed', errors: [refusedJson] },
      outcomes: [{ ...error.outcomes[0], error: refusedJson }],
    },
  });
});

test('causes in a circle end', () => {
  const inner = new ClerkError('ABORTED', 'inner');
  const outer = new ClerkError('ABORTED', 'outer', { cause: inner });
  Object.assign(inner, { cause: outer });
  expect(JSON.stringify(outer)).toContain('inner');
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { orcaFromHeaders, parseOrca, formatOrca } from '../../src/protocol/orca.js';

const noRates = { callsPerSecond: 0, errorsPerSecond: 0 };

test.each([
  ['TEXT application_utilization=0.4, rps_fractional=120, eps=2', 0.4, 120, 2],
  ['TEXT application_utilization=0.4', 0.4, 0, 0],
  ['TEXT rps=7,cpu_utilization=0.25,mem_utilization=0.9,named_metrics.queue=12', 0.25, 7, 0],
  ['TEXT application_utilization=0.7,cpu_utilization=0.2', 0.7, 0, 0],
  ['TEXT application_utilization=1.3', 1.3, 0, 0],
  ['TEXT application_utilization=0,cpu_utilization=0.2', 0.2, 0, 0],
  ['TEXT application_utilization=0', 0, 0, 0],
  ['TEXT application_utilization=4e-1', 0.4, 0, 0],
  ['JSON {"application_utilization":0.4,"rps_fractional":120,"eps":2}', 0.4, 120, 2],
  ['JSON {"applicationUtilization":0.4,"rpsFractional":120,"utilization":{"queue":1}}', 0.4, 120, 0],
  ['JSON {"cpu_utilization":0.5}', 0.5, 0, 0],
  ['application_utilization=0.4, rps_fractional=120, eps=2', 0.4, 120, 2],
  ['cpu_utilization:0.3,mem_utilization:0.8', 0.3, 0, 0],
  ['{"application_utilization":0.4,"rps_fractional":120,"eps":2}', 0.4, 120, 2],
  [' {"cpu_utilization":0.5}', 0.5, 0, 0],
])('%s', (value, utilization, callsPerSecond, errorsPerSecond) => {
  expect(parseOrca(value)).toEqual({ utilization, callsPerSecond, errorsPerSecond });
});

describe('ignores unreadable and out-of-range headers', () => {
  test.each([
    '',
    'TEXT',
    'TEXT ',
    'TEXT =0.4',
    'TEXT application_utilization',
    'TEXT application_utilization=',
    'TEXT application_utilization=-0.1',
    'TEXT application_utilization=NaN',
    'TEXT application_utilization=Infinity',
    'TEXT application_utilization=1e400',
    'TEXT application_utilization=0x10',
    'TEXT application_utilization=101',
    'TEXT rps_fractional=100',
    'text application_utilization=0.4',
    'TEXT {"application_utilization":0.4}',
    'JSON application_utilization=0.4',
    '{',
    '{}',
    '{"application_utilization":0.4',
    '[{"application_utilization":0.4}]',
    'application_utilization',
    '=',
    ':',
    'BIN CgkJmpmZmZmZ2T8=',
    'JSON',
    'JSON null',
    'JSON 7',
    'JSON [0.4]',
    'JSON {"application_utilization":0.4',
    'JSON {"application_utilization":"0.4"}',
    'JSON {"application_utilization":1e400}',
    'JSON {"application_utilization":-1}',
    'JSON {"__proto__":{"application_utilization":0.4}}',
  ])('%s', (value) => {
    expect(parseOrca(value)).toBeUndefined();
  });

  test('one invalid value leaves the others', () => {
    expect(
      parseOrca('TEXT application_utilization=x,cpu_utilization=0.3,rps_fractional=-1,eps=1e10'),
    ).toEqual({
      utilization: 0.3,
      ...noRates,
    });
  });

  test('never throws, and returns only values in range', () => {
    const piece = fc.constantFrom(
      ...['TEXT ', 'JSON ', 'application_utilization', 'cpu_utilization', 'rps_fractional', 'eps', '"'],
      ...['=', ',', ':', '{', '}', ' ', '-', '0', '0.4', '9', 'e', '1e999', 'NaN', '\u0000', 'ÿ'],
    );
    const forms = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(''));
    let accepted = 0;
    fc.assert(
      fc.property(fc.oneof(forms, fc.string()), (value) => {
        const text = `application_utilization=0.5,${value}`;
        for (const one of [value, text, `TEXT ${text}`, `{"cpu_utilization":0.5,"eps":${value}}`]) {
          const load = orcaFromHeaders([Buffer.from('endpoint-load-metrics'), Buffer.from(one, 'latin1')]);
          if (load === undefined) continue;
          accepted++;
          expect(load.utilization >= 0 && load.utilization <= 100).toBe(true);
          expect(load.callsPerSecond >= 0 && load.callsPerSecond <= 1e9).toBe(true);
          expect(load.errorsPerSecond >= 0 && load.errorsPerSecond <= 1e9).toBe(true);
        }
      }),
      { seed: 51, numRuns: 2_000 },
    );
    expect(accepted).toBeGreaterThan(500);
  });
});

describe('in response headers', () => {
  const head = (...lines: string[]): Buffer[] => lines.map((line) => Buffer.from(line, 'latin1'));
  const value = 'TEXT application_utilization=0.4';

  test('at any position and in any case', () => {
    const expected = { utilization: 0.4, ...noRates };
    expect(orcaFromHeaders(head('date', 'now', 'endpoint-load-metrics', value))).toEqual(expected);
    expect(orcaFromHeaders(head('Endpoint-Load-Metrics', value, 'date', 'now'))).toEqual(expected);
    expect(orcaFromHeaders(head('endpoint-load-metricz', 'x', 'ENDPOINT-LOAD-METRICS', value))).toEqual(
      expected,
    );
  });

  test('not in other headers of the same length or in values', () => {
    expect(orcaFromHeaders([])).toBeUndefined();
    expect(orcaFromHeaders(head('x-note', 'endpoint-load-metrics', value, 'x'))).toBeUndefined();
    expect(orcaFromHeaders(head('x-ratelimit-remaining', value))).toBeUndefined();
    expect(orcaFromHeaders(head('endpoint-load-metrics'))).toBeUndefined();
  });

  test('not above 2,048 bytes', () => {
    const long = (bytes: number): Buffer[] =>
      head('endpoint-load-metrics', value.padEnd(bytes, ',named_metrics.a=1'));
    expect(orcaFromHeaders(long(2_048))).toBeDefined();
    expect(orcaFromHeaders(long(2_049))).toBeUndefined();
  });
});

test('a formatted load is short and can be parsed', () => {
  expect(formatOrca({ utilization: 0.4, callsPerSecond: 120, errorsPerSecond: 2 })).toBe(
    'TEXT application_utilization=0.4, rps_fractional=120, eps=2',
  );
  expect(formatOrca({ utilization: 1 / 3, callsPerSecond: 0.04, errorsPerSecond: 0 })).toBe(
    'TEXT application_utilization=0.333',
  );
  const rate = fc.double({ min: 0, max: 1e9, noNaN: true });
  fc.assert(
    fc.property(fc.double({ min: 0, max: 100, noNaN: true }), rate, rate, (...numbers) => {
      const [utilization, callsPerSecond, errorsPerSecond] = numbers;
      const load = parseOrca(formatOrca({ utilization, callsPerSecond, errorsPerSecond }));
      expect(load?.utilization).toBeCloseTo(utilization, 2);
      expect(Math.abs(load!.callsPerSecond - callsPerSecond)).toBeLessThanOrEqual(0.0501);
      expect(Math.abs(load!.errorsPerSecond - errorsPerSecond)).toBeLessThanOrEqual(0.0501);
    }),
    { seed: 52, numRuns: 1_000 },
  );
});

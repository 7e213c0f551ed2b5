import { expect, test } from 'vitest';
import { fuzz, type FuzzOptions, type FuzzResult } from './fuzz.js';

/** Five times the bound of 10 ms of CPU. */
const maxCpuMs = 50;

export type ParserCase = Omit<FuzzOptions, 'seed' | 'count'> & {
  readonly name: string;
  /** Accepts every input. */
  readonly isTotal?: boolean;
  /** Part of the inputs of the other parsers. Default 1. */
  readonly share?: number;
};

/** No error other than a `ClerkError`, and none takes long. The variable `FUZZ_INPUTS` sets the number of inputs. */
export function testParsers(cases: readonly ParserCase[], seed: number): void {
  const inputs = Number(process.env.FUZZ_INPUTS ?? 100_000);
  const counted = cases.map((parser) => [inputs * (parser.share ?? 1), parser.name, parser] as const);
  test.each(counted)(
    '%i inputs of: %s',
    { timeout: 120_000 * Math.max(1, inputs / 100_000) },
    (count, _, parser) => {
      for (const input of parser.valid) expect(parser.parse(Buffer.from(input as string))).toBe(true);
      const result: FuzzResult = fuzz({ ...parser, seed, count });
      if (process.env.FUZZ_INPUTS !== undefined) console.log(parser.name, result);
      expect(result.crashes.slice(0, 3)).toEqual([]);
      expect(result.inputs).toBe(count);
      const refused = result.inputs - result.accepted;
      expect(refused > count / 10).toBe(parser.isTotal !== true);
      expect([result.slowestMs < maxCpuMs, result.slowestInput]).toEqual([true, result.slowestInput]);
    },
  );
}

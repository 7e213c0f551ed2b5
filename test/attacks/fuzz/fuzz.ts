import { performance } from 'node:perf_hooks';
import { isClerkError } from '../../../src/core/errors.js';
import { seededRandom } from '../../../src/testing/seeded-random.js';

export interface FuzzOptions {
  readonly seed: number;
  readonly count: number;
  /** Valid inputs, which are changed. */
  readonly valid: readonly (string | Buffer)[];
  /** Texts that are put into the inputs. */
  readonly dictionary?: readonly string[];
  readonly maxBytes?: number;
  /** Parses one input. Returns whether the input was accepted, or throws a `ClerkError`. */
  readonly parse: (input: Buffer) => boolean;
}

export interface FuzzResult {
  readonly inputs: number;
  readonly accepted: number;
  /** Refused inputs by error code; `undefined` for a parser that returns no result. */
  readonly refused: Readonly<Record<string, number>>;
  /** Errors other than `ClerkError`, with the input in base64. */
  readonly crashes: readonly string[];
  /** The longest time of one input, in ms. Above 2 ms: the shortest CPU time of five more measurements. */
  readonly slowestMs: number;
  readonly slowestInput: string;
}

/** That of Node. The runner of the tests raises it, and each error of a parser has a stack. */
const stackTraceLimit = 10;
const repetitions = 5;
/** An input that takes longer is measured again. */
const suspiciousMs = 2;
const commonTexts = [
  '',
  '"',
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '\0',
  '__proto__',
  '../',
  '*',
  '**',
  '/',
  '#',
  '%00',
  '\u202e',
  '💥',
];

/** Changes valid inputs from a seed, adds random ones, and measures each. */
export function fuzz(options: FuzzOptions): FuzzResult {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = stackTraceLimit;
  try {
    return measureInputs(options);
  } finally {
    Error.stackTraceLimit = before;
  }
}

function measureInputs(options: FuzzOptions): FuzzResult {
  const { seed, count, valid, dictionary = [], maxBytes = 8_192, parse } = options;
  const random = seededRandom(seed);
  const inputs = valid.map((input) => Buffer.from(input as string));
  const texts = [...dictionary, ...commonTexts].map((text) => Buffer.from(text));
  const refused: Record<string, number> = {};
  const crashes: string[] = [];
  let accepted = 0;
  let slowest: { readonly ms: number; readonly input: Buffer } = { ms: 0, input: Buffer.alloc(0) };
  for (let i = 0; i < count; i++) {
    const input = i % 10 === 9 ? randomBytes(random, maxBytes) : mutated(inputs, texts, random, maxBytes);
    const startedAt = performance.now();
    const outcome = outcomeOf(parse, input);
    const ms = performance.now() - startedAt;
    if (outcome === 'accepted') accepted++;
    else if (outcome.startsWith('crash')) crashes.push(`${outcome} for ${input.toString('base64')}`);
    else refused[outcome] = (refused[outcome] ?? 0) + 1;
    if (ms <= slowest.ms) continue;
    const cpuMs = ms < suspiciousMs ? ms : cpuMsOf(parse, input);
    if (cpuMs > slowest.ms) slowest = { ms: cpuMs, input };
  }
  const slowestInput = slowest.input.toString('base64');
  return { inputs: count, accepted, refused, crashes, slowestMs: slowest.ms, slowestInput };
}

function outcomeOf(parse: FuzzOptions['parse'], input: Buffer): string {
  try {
    return parse(input) ? 'accepted' : 'undefined';
  } catch (error) {
    return isClerkError(error) ? error.code : `crash ${String(error)}`;
  }
}

/** A pause of the garbage collector does not occur in all measurements. */
function cpuMsOf(parse: FuzzOptions['parse'], input: Buffer): number {
  let shortest = Infinity;
  for (let i = 0; i < repetitions; i++) {
    const before = process.cpuUsage();
    outcomeOf(parse, input);
    const { user, system } = process.cpuUsage(before);
    shortest = Math.min(shortest, (user + system) / 1_000);
  }
  return shortest;
}

const below = (random: () => number, count: number): number => Math.floor(random() * count);

/** Mostly short, sometimes as long as allowed. */
function randomBytes(random: () => number, maxBytes: number): Buffer {
  const bytes = Buffer.alloc(below(random, random() < 0.05 ? maxBytes : 64));
  const isText = random() < 0.5;
  for (let i = 0; i < bytes.length; i++) bytes[i] = isText ? 32 + below(random, 95) : below(random, 256);
  return bytes;
}

function mutated(
  inputs: readonly Buffer[],
  texts: readonly Buffer[],
  random: () => number,
  maxBytes: number,
): Buffer {
  const pick = <T>(items: readonly T[]): T => items[below(random, items.length)] as T;
  let bytes = pick(inputs);
  for (let changes = 1 + below(random, 3); changes > 0; changes--) {
    const at = below(random, bytes.length + 1);
    const end = Math.min(bytes.length, at + 1 + below(random, 12));
    const replace = (...middle: readonly Buffer[]): Buffer =>
      Buffer.concat([bytes.subarray(0, at), ...middle, bytes.subarray(end)]);
    const insert = (...middle: readonly Buffer[]): Buffer =>
      Buffer.concat([bytes.subarray(0, at), ...middle, bytes.subarray(at)]);
    switch (below(random, 8)) {
      case 0:
        bytes = Buffer.from(bytes);
        if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << below(random, 8));
        break;
      case 1:
        bytes = replace();
        break;
      case 2:
        bytes = insert(pick(texts));
        break;
      case 3:
        bytes = replace(pick(texts));
        break;
      case 4: {
        const other = pick(inputs);
        bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(below(random, other.length + 1))]);
        break;
      }
      case 5: {
        const piece = bytes.subarray(at, end);
        const times = piece.length === 0 ? 0 : below(random, random() < 0.03 ? maxBytes / piece.length : 16);
        bytes = insert(...Array.from({ length: times }, () => piece));
        break;
      }
      case 6:
        bytes = insert(Buffer.from([below(random, 256)]));
        break;
      default:
        bytes = bytes.subarray(0, at);
    }
  }
  return bytes.length > maxBytes ? bytes.subarray(0, maxBytes) : bytes;
}

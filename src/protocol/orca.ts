/**
 * How a service tells its load in the head of an answer, and how a clerk reads it: the forms `TEXT` and `JSON` of ORCA's
 * header, written by this library or by anybody else. What cannot be read, or cannot be believed, is as if it had not been
 * said; nothing here throws, whatever a peer sends.
 *
 * @see gRPC A51; Envoy's ORCA parser
 */
import { isRate, isUtilization, type Load } from '../core/load-report.js';
import { responseHeaders } from './call-headers.js';

const name = responseHeaders.load;
/** `e` in either case: most of the other names of this length begin otherwise. */
const lowerFirst = name.charCodeAt(0);
const upperFirst = lowerFirst - 32;
/** Longer ones are not read: whoever names hundreds of metrics of its own does not mean a clerk. */
const maxBytes = 2_048;

/** A load in the text form of ORCA. What is 0, and could as well be unknown, is left out. */
export function formatOrca({ utilization, callsPerSecond, errorsPerSecond }: Load): string {
  let text = `TEXT application_utilization=${rounded(utilization, 1_000)}`;
  if (callsPerSecond >= 0.05) text += `, rps_fractional=${rounded(callsPerSecond, 10)}`;
  if (errorsPerSecond >= 0.05) text += `, eps=${rounded(errorsPerSecond, 10)}`;
  return text;
}

/** Never with an exponent, since the range admits none. */
function rounded(value: number, parts: number): string {
  return String(Math.round(value * parts) / parts);
}

/**
 * The load that the head of an answer tells of, or undefined.
 *
 * @param headers - names and values in turn, as they came
 */
export function orcaFromHeaders(headers: readonly Buffer[]): Load | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    const key = headers[i] as Buffer;
    if (key.length !== name.length || (key[0] !== lowerFirst && key[0] !== upperFirst)) continue;
    if (key.toString('latin1').toLowerCase() !== name) continue;
    const value = headers[i + 1];
    if (value !== undefined && value.length <= maxBytes) return parseOrca(value.toString('latin1'));
  }
  return undefined;
}

/** The load that a header's value tells of, or undefined. */
export function parseOrca(value: string): Load | undefined {
  const form = value.slice(0, 5);
  if (form === 'TEXT ') return loadFromMetrics(parsePairs(value.slice(5)));
  return form === 'JSON ' ? loadFromMetrics(parseJsonFields(value.slice(5))) : undefined;
}

type Metrics = ReadonlyMap<string, unknown>;

function parsePairs(text: string): Metrics {
  const metrics = new Map<string, unknown>();
  for (const pair of text.split(',')) {
    const at = pair.indexOf('=');
    const digits = pair.slice(at + 1).trim();
    if (at > 0 && decimal.test(digits)) metrics.set(pair.slice(0, at).trim(), Number(digits));
  }
  return metrics;
}

const decimal = /^[0-9]{1,32}(\.[0-9]{1,32})?([eE][+-]?[0-9]{1,4})?$/;

function parseJsonFields(text: string): Metrics {
  try {
    const value: unknown = JSON.parse(text);
    return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
  } catch {
    return new Map();
  }
}

/** What is not said is 0 in ORCA, so the application's own word counts only above that. */
function loadFromMetrics(metrics: Metrics): Load | undefined {
  const application = firstValid(metrics, isUtilization, 'application_utilization', 'applicationUtilization');
  const cpu = firstValid(metrics, isUtilization, 'cpu_utilization', 'cpuUtilization');
  const utilization = application !== undefined && application > 0 ? application : (cpu ?? application);
  if (utilization === undefined) return undefined;
  return {
    utilization,
    callsPerSecond: firstValid(metrics, isRate, 'rps_fractional', 'rpsFractional', 'rps') ?? 0,
    errorsPerSecond: firstValid(metrics, isRate, 'eps') ?? 0,
  };
}

/** The first that is there and can be believed. */
function firstValid(
  metrics: Metrics,
  isValid: (value: unknown) => value is number,
  ...keys: readonly string[]
): number | undefined {
  for (const key of keys) {
    const value = metrics.get(key);
    if (isValid(value)) return value;
  }
  return undefined;
}

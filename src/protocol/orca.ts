/**
 * Load reports in response headers: the `TEXT` and `JSON` forms of ORCA. Unreadable or out-of-range values are ignored;
 * nothing here throws for any header.
 *
 * @see {@link https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md | gRFC A51}; Envoy's ORCA parser
 */
import { isRate, isUtilization, type Load } from '../core/load-report.js';
import { responseHeaders } from './call-headers.js';

const name = responseHeaders.load;
/** First letter in either case. Most other header names of this length differ in it, so few are compared in full. */
const lowerFirst = name.charCodeAt(0);
const upperFirst = lowerFirst - 32;
/** Longer headers are ignored, since they carry hundreds of named metrics that the clerk does not use. */
const maxBytes = 2_048;

/** A load in the text form of ORCA. Rates of 0 are left out, since 0 means unknown. */
export function formatOrca({ utilization, callsPerSecond, errorsPerSecond }: Load): string {
  let text = `TEXT application_utilization=${rounded(utilization, 1_000)}`;
  if (callsPerSecond >= 0.05) text += `, rps_fractional=${rounded(callsPerSecond, 10)}`;
  if (errorsPerSecond >= 0.05) text += `, eps=${rounded(errorsPerSecond, 10)}`;
  return text;
}

/** Within the ranges of a load, the result never has an exponent. */
function rounded(value: number, parts: number): string {
  return String(Math.round(value * parts) / parts);
}

/**
 * The load in the headers of a response, or undefined.
 *
 * @param headers - alternating names and values, as received
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

/** The load in a header value, or undefined. */
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

/** ORCA sends 0 for unknown values, so the application's utilization takes precedence only above 0. */
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

/** The first metric that exists and is valid. */
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

/**
 * Parses load reports in response headers: the text and JSON forms of ORCA. Unreadable and out-of-range values are
 * ignored.
 * @see {@link https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md | gRFC A51}
 * @see {@link https://github.com/envoyproxy/envoy/blob/main/source/common/orca/orca_parser.cc | Envoy's ORCA parser}
 */
import { isRate, isUtilization, type Load } from '../core/load-report.js';
import { responseHeaders } from './call-headers.js';

const name = responseHeaders.load;
// Most other headers have another length or first letter, so the whole name is rarely compared.
const lowerFirst = name.charCodeAt(0);
const upperFirst = lowerFirst - 32;
/** A longer header is ignored, because it contains many named metrics. */
const maxBytes = 2_048;

/** Rates that round to 0 are left out, because 0 means unknown. */
export function formatOrca({ utilization, callsPerSecond, errorsPerSecond }: Load): string {
  let text = `TEXT application_utilization=${rounded(utilization, 1_000)}`;
  if (callsPerSecond >= 0.05) text += `, rps_fractional=${rounded(callsPerSecond, 10)}`;
  if (errorsPerSecond >= 0.05) text += `, eps=${rounded(errorsPerSecond, 10)}`;
  return text;
}

/** For values in the ranges of a load, the text has no exponent. */
function rounded(value: number, parts: number): string {
  return String(Math.round(value * parts) / parts);
}

/** @param headers - alternating names and values, as received */
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

/** Without a prefix `TEXT` or `JSON`, a value that begins with `{` is JSON, and any other value is text. */
export function parseOrca(value: string): Load | undefined {
  const prefix = value.slice(0, 5);
  const report = prefix === 'TEXT ' || prefix === 'JSON ' ? value.slice(5) : value;
  const isJson = prefix === 'JSON ' || (prefix !== 'TEXT ' && report.trimStart().startsWith('{'));
  return loadFromMetrics(isJson ? parseJsonFields(report) : parsePairs(report));
}

type Metrics = ReadonlyMap<string, unknown>;

function parsePairs(text: string): Metrics {
  const metrics = new Map<string, unknown>();
  for (const pair of text.split(',')) {
    // Older servers separate the name from the value with a colon.
    const at = pair.search(/[=:]/);
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

/** Senders write 0 for an unknown value, so the CPU utilization is preferred to an application utilization of 0. */
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

import type { Clock } from '../core/clock.js';
import { definedFields } from '../core/defined-fields.js';
import { ClerkError } from '../core/errors.js';
import { loadError, type Load, type LoadInit } from '../core/load-report.js';
import { formatOrca } from '../protocol/orca.js';
import type { InFlightRequests } from './in-flight-requests.js';
import { sampleIntervalMs, type EventLoopMeter } from './event-loop-meter.js';

/**
 * Time for which a load report of the program is valid, in ms. @see
 * https://github.com/grpc/proposal/blob/master/A58-client-side-weighted-round-robin-lb-policy.md (weight expiration)
 */
const reportTtlMs = 180_000;
/** Number of samples for the rates: 8 × 250 ms = 2,000 ms. */
const windowSamples = 8;

export interface LoadReporterOptions {
  readonly clock: Clock;
  readonly meter: EventLoopMeter;
  readonly inFlight: InFlightRequests;
  readonly hasServer: boolean;
  readonly measuresLoad: boolean;
}

interface Counts {
  readonly at: number;
  readonly finished: number;
  readonly failed: number;
}

/** Load of one advertised service. A valid report by the program replaces the measured load. */
export class LoadReporter {
  /** Value of the load header; undefined while the load is unknown. Updated every 250 ms. */
  headerValue: string | undefined = undefined;
  version = 0;
  readonly #options: LoadReporterOptions;
  #reported: (LoadInit & { readonly expiresAt: number }) | undefined;
  #counts: Counts[] = [];
  #unsubscribe: (() => void) | undefined;
  #isClosed = false;

  constructor(options: LoadReporterOptions) {
    this.#options = options;
    if (options.hasServer && options.measuresLoad) this.#startMeasuring();
  }

  report(load: LoadInit): void {
    const problem = loadError(load) ?? unknownKeyError(load);
    if (problem !== undefined)
      throw new ClerkError('CONFIG_INVALID', `reportLoad() got an invalid load: ${problem}`);
    const { utilization, callsPerSecond, errorsPerSecond } = load;
    this.#reported = {
      ...definedFields({ utilization, callsPerSecond, errorsPerSecond }),
      expiresAt: this.#options.clock.now() + reportTtlMs,
    };
    if (!this.#options.hasServer || this.#isClosed) return;
    // The next sample puts the report into the header.
    if (this.#unsubscribe !== undefined && this.headerValue !== undefined) return;
    this.#startMeasuring();
    this.#updateHeader();
  }

  get current(): Load | undefined {
    const { clock, meter, measuresLoad, hasServer } = this.#options;
    const reported =
      this.#reported !== undefined && clock.now() < this.#reported.expiresAt ? this.#reported : undefined;
    const utilization = reported?.utilization ?? (measuresLoad && hasServer ? meter.utilization : undefined);
    if (utilization === undefined) return undefined;
    const rates = this.#rates();
    return {
      utilization,
      callsPerSecond: reported?.callsPerSecond ?? rates.callsPerSecond,
      errorsPerSecond: reported?.errorsPerSecond ?? rates.errorsPerSecond,
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#stopMeasuring();
    this.headerValue = undefined;
  }

  #startMeasuring(): void {
    if (this.#unsubscribe !== undefined) return;
    this.#counts = [this.#countsAt(this.#options.clock.now())];
    this.#unsubscribe = this.#options.meter.subscribe((now) => {
      this.#counts.push(this.#countsAt(now));
      if (this.#counts.length > windowSamples + 1) this.#counts.shift();
      this.#updateHeader();
      // The last report of the program has expired, so nothing is measured until the next report.
      if (this.headerValue === undefined && !this.#options.measuresLoad) this.#stopMeasuring();
    });
  }

  #stopMeasuring(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  #countsAt(at: number): Counts {
    const { finished, failed } = this.#options.inFlight;
    return { at, finished, failed };
  }

  #updateHeader(): void {
    const load = this.current;
    this.headerValue = load && formatOrca(load);
    this.version++;
  }

  #rates(): Pick<Load, 'callsPerSecond' | 'errorsPerSecond'> {
    const first = this.#counts[0];
    const last = this.#counts.at(-1);
    const seconds = first === undefined || last === undefined ? 0 : (last.at - first.at) / 1_000;
    if (first === undefined || last === undefined || seconds < sampleIntervalMs / 1_000)
      return { callsPerSecond: 0, errorsPerSecond: 0 };
    return {
      callsPerSecond: (last.finished - first.finished) / seconds,
      errorsPerSecond: (last.failed - first.failed) / seconds,
    };
  }
}

const knownKeys: ReadonlySet<string> = new Set(['utilization', 'callsPerSecond', 'errorsPerSecond']);

function unknownKeyError(load: LoadInit): string | undefined {
  const unknownKey = Object.keys(load).find((key) => !knownKeys.has(key));
  return unknownKey === undefined
    ? undefined
    : `the key '${unknownKey}' is unknown; known keys are ${[...knownKeys].join(', ')}`;
}

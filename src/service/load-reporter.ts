/**
 * What one advertised service says of its load: what the program says, for as long as that is good, else what is
 * measured where there is a server to measure at. Of a service elsewhere nothing can be measured from here.
 */
import type { Clock } from '../core/clock.js';
import { ClerkError } from '../core/errors.js';
import { loadError, type Load, type LoadInit } from '../core/load-report.js';
import { formatOrca } from '../protocol/orca.js';
import type { InFlightRequests } from './in-flight-requests.js';
import { sampleIntervalMs, type EventLoopMeter } from './event-loop-meter.js';

/** For how long the program's word is good, in ms. @see gRPC A58 (weight expiration) */
const reportTtlMs = 180_000;
/** Rates are taken over the last so many looks: 2 s. */
const windowSamples = 8;

/** What it is made of. */
export interface LoadReporterOptions {
  readonly clock: Clock;
  readonly meter: EventLoopMeter;
  readonly inFlight: InFlightRequests;
  /** Whether there is a server here whose answers carry it. */
  readonly hasServer: boolean;
  /** Whether it is measured where the program says nothing. */
  readonly measuresLoad: boolean;
}

interface Counts {
  readonly at: number;
  readonly finished: number;
  readonly failed: number;
}

/** See the file's header. */
export class LoadReporter {
  /** As the head of an answer tells it; undefined while there is nothing to say. Made anew at most every 250 ms. */
  headerValue: string | undefined = undefined;
  /** Grows whenever the text is made anew. */
  version = 0;
  readonly #options: LoadReporterOptions;
  #reported: (LoadInit & { readonly until: number }) | undefined;
  #counts: Counts[] = [];
  #unsubscribe: (() => void) | undefined;
  #isClosed = false;

  constructor(options: LoadReporterOptions) {
    this.#options = options;
    if (options.hasServer && options.measuresLoad) this.#startMeasuring();
  }

  /**
   * The program's word.
   *
   * @throws a `ClerkError` `CONFIG_INVALID` for a load that cannot be believed
   */
  report(load: LoadInit): void {
    const problem = loadError(load) ?? unknownKeyError(load);
    if (problem !== undefined) throw new ClerkError('CONFIG_INVALID', `reportLoad() was refused: ${problem}`);
    const { utilization, callsPerSecond, errorsPerSecond } = load;
    this.#reported = {
      utilization,
      ...(callsPerSecond !== undefined && { callsPerSecond }),
      ...(errorsPerSecond !== undefined && { errorsPerSecond }),
      until: this.#options.clock.now() + reportTtlMs,
    };
    if (!this.#options.hasServer || this.#isClosed) return;
    // What is said more often waits for the next look.
    if (this.#unsubscribe !== undefined && this.headerValue !== undefined) return;
    this.#startMeasuring();
    this.#updateHeader();
  }

  /** As of now; undefined while there is nothing to say. */
  get current(): Load | undefined {
    const { clock, meter, measuresLoad, hasServer } = this.#options;
    const reported =
      this.#reported !== undefined && clock.now() < this.#reported.until ? this.#reported : undefined;
    const utilization = reported?.utilization ?? (measuresLoad && hasServer ? meter.utilization : undefined);
    if (utilization === undefined) return undefined;
    const rates = this.#rates();
    return {
      utilization,
      callsPerSecond: reported?.callsPerSecond ?? rates.callsPerSecond,
      errorsPerSecond: reported?.errorsPerSecond ?? rates.errorsPerSecond,
    };
  }

  /** Nothing is measured or told any more. */
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
      // The program's word has run out, and nothing is measured in its place.
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
    : `it has the unknown key '${unknownKey}'; known are ${[...knownKeys].join(', ')}`;
}

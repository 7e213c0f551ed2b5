/**
 * What one advertised service says of its load: what the program says, for as long as that is good, else what is
 * measured where there is a server to measure at. Of a service elsewhere nothing can be measured from here.
 */
import type { Clock } from '../core/clock.js';
import { ClerkError } from '../core/errors.js';
import { faultOf, type Load, type LoadInit } from '../core/load-report.js';
import { loadText } from '../wire/load-metrics.js';
import type { InFlight } from './in-flight.js';
import { tickMs, type LoopMeter } from './loop-meter.js';

/** For how long the program's word is good, in ms. @see gRPC A58 (weight expiration) */
const saidMs = 180_000;
/** Rates are taken over the last so many looks: 2 s. */
const window = 8;

/** What it is made of. */
export interface OwnLoadParts {
  readonly clock: Clock;
  readonly meter: LoopMeter;
  readonly inFlight: InFlight;
  /** Whether there is a server here whose answers carry it. */
  readonly isHere: boolean;
  /** Whether it is measured where the program says nothing. */
  readonly measures: boolean;
}

interface Counts {
  readonly at: number;
  readonly finished: number;
  readonly failed: number;
}

/** See the file's header. */
export class OwnLoad {
  /** As the head of an answer tells it; undefined while there is nothing to say. Made anew at most every 250 ms. */
  text: string | undefined = undefined;
  /** Grows whenever the text is made anew. */
  serial = 0;
  readonly #parts: OwnLoadParts;
  #said: (LoadInit & { readonly until: number }) | undefined;
  #counts: Counts[] = [];
  #leave: (() => void) | undefined;
  #isOver = false;

  constructor(parts: OwnLoadParts) {
    this.#parts = parts;
    if (parts.isHere && parts.measures) this.#join();
  }

  /**
   * The program's word.
   *
   * @throws a `ClerkError` `CONFIG_INVALID` for a load that cannot be believed
   */
  say(load: LoadInit): void {
    const fault = faultOf(load) ?? strangerIn(load);
    if (fault !== undefined) throw new ClerkError('CONFIG_INVALID', `reportLoad() was refused: ${fault}`);
    const { utilization, callsPerSecond, errorsPerSecond } = load;
    this.#said = {
      utilization,
      ...(callsPerSecond !== undefined && { callsPerSecond }),
      ...(errorsPerSecond !== undefined && { errorsPerSecond }),
      until: this.#parts.clock.now() + saidMs,
    };
    if (!this.#parts.isHere || this.#isOver) return;
    // What is said more often waits for the next look.
    if (this.#leave !== undefined && this.text !== undefined) return;
    this.#join();
    this.#tell();
  }

  /** As of now; undefined while there is nothing to say. */
  get current(): Load | undefined {
    const { clock, meter, measures, isHere } = this.#parts;
    const said = this.#said !== undefined && clock.now() < this.#said.until ? this.#said : undefined;
    const utilization = said?.utilization ?? (measures && isHere ? meter.utilization : undefined);
    if (utilization === undefined) return undefined;
    const rates = this.#rates();
    return {
      utilization,
      callsPerSecond: said?.callsPerSecond ?? rates.callsPerSecond,
      errorsPerSecond: said?.errorsPerSecond ?? rates.errorsPerSecond,
    };
  }

  /** Nothing is measured or told any more. */
  close(): void {
    this.#isOver = true;
    this.#part();
    this.text = undefined;
  }

  #join(): void {
    if (this.#leave !== undefined) return;
    this.#counts = [this.#counted(this.#parts.clock.now())];
    this.#leave = this.#parts.meter.join((now) => {
      this.#counts.push(this.#counted(now));
      if (this.#counts.length > window + 1) this.#counts.shift();
      this.#tell();
      // The program's word has run out, and nothing is measured in its place.
      if (this.text === undefined && !this.#parts.measures) this.#part();
    });
  }

  #part(): void {
    this.#leave?.();
    this.#leave = undefined;
  }

  #counted(at: number): Counts {
    const { finished, failed } = this.#parts.inFlight;
    return { at, finished, failed };
  }

  #tell(): void {
    const load = this.current;
    this.text = load && loadText(load);
    this.serial++;
  }

  #rates(): Pick<Load, 'callsPerSecond' | 'errorsPerSecond'> {
    const first = this.#counts[0];
    const last = this.#counts.at(-1);
    const seconds = first === undefined || last === undefined ? 0 : (last.at - first.at) / 1_000;
    if (first === undefined || last === undefined || seconds < tickMs / 1_000)
      return { callsPerSecond: 0, errorsPerSecond: 0 };
    return {
      callsPerSecond: (last.finished - first.finished) / seconds,
      errorsPerSecond: (last.failed - first.failed) / seconds,
    };
  }
}

const known: ReadonlySet<string> = new Set(['utilization', 'callsPerSecond', 'errorsPerSecond']);

function strangerIn(load: LoadInit): string | undefined {
  const stranger = Object.keys(load).find((key) => !known.has(key));
  return stranger === undefined
    ? undefined
    : `it has the unknown key '${stranger}'; known are ${[...known].join(', ')}`;
}

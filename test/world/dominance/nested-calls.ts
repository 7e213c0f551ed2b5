import type { CallKind } from 'binding-clerk';
import type { CoverageMark } from '../coverage.js';
import type { CallMethod } from '../call-method.js';
import type { CallerHabits } from './caller-habits.js';

/** Where a program makes a nested call: in a listener, in the handler of another call, or in a method of its registry. */
export type NestingPlace = 'listener' | 'handler' | 'resolve';

export interface NestedCall {
  readonly service: string;
  readonly kind: CallKind;
  readonly method: CallMethod;
  readonly timeoutMs: number;
}

export interface NestedCallsOptions {
  readonly habits: CallerHabits;
  /** Names that can be called now. */
  readonly names: () => readonly string[];
  readonly mark: (mark: CoverageMark) => void;
  readonly call: (call: NestedCall) => void;
}

/** Most nested calls of one client. */
const maxNestedCalls = 12;

/** The calls that a program makes inside other calls. A nested call makes none itself. */
export class NestedCalls {
  readonly #options: NestedCallsOptions;
  #count = 0;
  #isNesting = false;

  constructor(options: NestedCallsOptions) {
    this.#options = options;
  }

  /**
   * The program may make a call here.
   *
   * @param except - a name that it does not call
   */
  offer(where: NestingPlace, except?: string): void {
    const { habits, names, mark, call } = this.#options;
    if (this.#isNesting || this.#count >= maxNestedCalls || !habits.follows('caller-nests')) return;
    const services = names().filter((name) => name !== except);
    if (services.length === 0) return;
    this.#count++;
    mark('habit:caller-nests');
    mark(`nested-in-${where}`);
    this.#isNesting = true;
    try {
      const { random } = habits;
      call({
        service: random.one(services),
        kind: random.one(['safe', 'once', 'idempotent']),
        method: random.one(['dispatch', 'dispatch', 'fetch', 'request', 'json']),
        timeoutMs: 10_000,
      });
    } finally {
      this.#isNesting = false;
    }
  }
}

import { parsePattern, type PatternNode } from './pattern-parser.js';

/**
 * Maximum number of states. The time of a match is at most proportional to the number of states × the length of the
 * value.
 */
const maxStates = 1_000;

type State =
  | { readonly kind: 'character'; readonly accepts: (codePoint: number) => boolean; readonly next: number }
  | { readonly kind: 'split'; next: number; other: number }
  | { readonly kind: 'start' | 'end'; readonly next: number }
  | { readonly kind: 'match' };

/**
 * A pattern that must match a whole value. The match simulates a finite automaton, which reads each character once.
 * No pattern and no value can therefore block the event loop.
 *
 * @see https://swtch.com/~rsc/regexp/regexp1.html
 */
export class LinearPattern {
  readonly #states: State[] = [{ kind: 'match' }];
  readonly #start: number;
  /** Step in which each state was last reached. */
  readonly #reachedAt: number[];
  #step = 0;

  /** @throws Error with a problem such as `must close each '('` */
  constructor(readonly source: string) {
    this.#start = this.#compile(parsePattern(source), 0);
    this.#reachedAt = this.#states.map(() => 0);
  }

  matches(value: string): boolean {
    const points = Array.from(value, (char) => char.codePointAt(0) as number);
    let current = this.#follow([this.#start], 0, points.length);
    for (const [index, point] of points.entries()) {
      const reached: number[] = [];
      for (const state of current)
        if (state.kind === 'character' && state.accepts(point)) reached.push(state.next);
      current = this.#follow(reached, index + 1, points.length);
    }
    return current.some(({ kind }) => kind === 'match');
  }

  /** Returns the states that can be reached without reading a character. */
  #follow(from: readonly number[], at: number, length: number): readonly State[] {
    this.#step++;
    const pending = [...from];
    const reached: State[] = [];
    for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
      if (this.#reachedAt[index] === this.#step) continue;
      this.#reachedAt[index] = this.#step;
      const state = this.#states[index] as State;
      if (state.kind === 'split') pending.push(state.next, state.other);
      else if (state.kind === 'start' || state.kind === 'end') {
        if (at === (state.kind === 'start' ? 0 : length)) pending.push(state.next);
      } else reached.push(state);
    }
    return reached;
  }

  /** Adds the states of a node, which lead to the state `next`. Returns the first of them. */
  #compile(node: PatternNode, next: number): number {
    switch (node.kind) {
      case 'character':
      case 'start':
      case 'end':
        return this.#add({ ...node, next });
      case 'sequence':
        return node.items.reduceRight((after, item) => this.#compile(item, after), next);
      case 'choice':
        return node.items
          .map((item) => this.#compile(item, next))
          .reduceRight((other, first) => this.#add({ kind: 'split', next: first, other }));
      case 'repeat':
        return this.#compileRepeat(node, next);
    }
  }

  #compileRepeat({ item, min, max }: Extract<PatternNode, { kind: 'repeat' }>, next: number): number {
    let first = next;
    if (max === Infinity) {
      const loop: Extract<State, { kind: 'split' }> = { kind: 'split', next: 0, other: next };
      first = this.#add(loop);
      loop.next = this.#compile(item, first);
    } else
      for (let i = min; i < max; i++) {
        const body = this.#compile(item, first);
        first = this.#add({ kind: 'split', next: body, other: next });
      }
    for (let i = 0; i < min; i++) first = this.#compile(item, first);
    return first;
  }

  #add(state: State): number {
    if (this.#states.length >= maxStates)
      throw new Error(
        `must need at most ${maxStates} states, counting each repetition of a group; use lower counts, or check the length in the program`,
      );
    return this.#states.push(state) - 1;
  }
}

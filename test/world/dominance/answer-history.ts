/** How long answers count, in ms. */
const historyMs = 30_000;
/** Number of failing answers from which an endpoint may look as if it fails. */
const minFailures = 5;
/** Number of answers of another endpoint from which it shows whether a route fails everywhere. */
const minCompared = 20;

interface Answers {
  /** Instants of good and of failing answers, in ms. */
  readonly good: number[];
  readonly failing: number[];
}

/** The answers that each endpoint has given to calls. */
export class AnswerHistory {
  readonly #byId = new Map<string, Answers>();

  add(id: string, at: number, isFailing: boolean): void {
    let answers = this.#byId.get(id);
    if (answers === undefined) this.#byId.set(id, (answers = { good: [], failing: [] }));
    (isFailing ? answers.failing : answers.good).push(at);
  }

  /**
   * Whether an endpoint looks like a failing one, although only some of its routes fail: it has given failing answers, and
   * no other endpoint has given enough answers to compare with.
   */
  looksFailing(id: string, now: number): boolean {
    const since = now - historyMs;
    const failing = this.#byId.get(id)?.failing ?? [];
    if (count(failing, since) < minFailures) return false;
    const others = [...this.#byId].filter(([other]) => other !== id);
    return others.every(
      ([, answers]) => count(answers.good, since) + count(answers.failing, since) < minCompared,
    );
  }
}

function count(instants: readonly number[], since: number): number {
  return instants.filter((at) => at >= since).length;
}

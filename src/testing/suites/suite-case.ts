/** The form of a contract suite: cases that any test runner can run. */

/** One case of a contract suite. */
export interface SuiteCase {
  /** What must hold, as a sentence. */
  readonly name: string;
  /** Resolves when it holds; rejects with an AssertionError that says what does not. */
  readonly run: () => Promise<void>;
}

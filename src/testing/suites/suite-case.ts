/** One case of a conformance suite, for any test runner. */
export interface SuiteCase {
  /** The requirement, as a sentence. */
  readonly name: string;
  /** Resolves when the requirement holds; rejects with an AssertionError otherwise. */
  readonly run: () => Promise<void>;
}

/** One case of a conformance suite, for any test runner. */
export interface SuiteCase {
  /** The requirement that the case tests, such as `resolves an unknown name to absent`. */
  readonly name: string;
  /** Runs the case. Resolves when the requirement is met; otherwise rejects with an AssertionError. */
  readonly run: () => Promise<void>;
}

/** A reporter that keeps the reason given to `context.skip(reason)` for the JSON report, which drops it. */
export default class LeftOut {
  onTestCaseResult(test) {
    const { state, note } = test.result();
    if (state === 'skipped' && note !== undefined) test.meta().leftOut = note;
  }
}

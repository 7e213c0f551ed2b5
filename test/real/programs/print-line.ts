/** Prints a line on standard output for the test. */
export function printLine(...words: readonly unknown[]): void {
  process.stdout.write(`${words.map(String).join(' ')}\n`);
}

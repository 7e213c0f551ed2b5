/** One line on standard output, for the test that runs the program. */
export function printLine(...words: readonly unknown[]): void {
  process.stdout.write(`${words.map(String).join(' ')}\n`);
}

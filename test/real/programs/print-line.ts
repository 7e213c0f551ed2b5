/** Prints a line on standard output for the test. */
export function printLine(...parts: readonly unknown[]): void {
  process.stdout.write(`${parts.map(String).join(' ')}\n`);
}

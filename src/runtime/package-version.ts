/** Returns the version in `package.json`, which a bundle of a program does not contain. */
export function packageVersion(): string {
  return '0.1.0';
}

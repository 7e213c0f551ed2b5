/** Returns the version of this package as a constant, because a bundle of a program contains no `package.json`. */
export function packageVersion(): string {
  return '0.1.0';
}

/** @param ms - wall-clock time, in ms since 1970 */
export function isoTime(ms: number): string {
  // eslint-disable-next-line no-restricted-globals -- formats a time that a runtime port has read
  return new Date(ms).toISOString();
}

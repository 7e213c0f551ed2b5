/**
 * Receives messages, including errors that cannot be thrown to a caller. `pino` and `console` have these four methods.
 */
export interface Logger {
  /** Details for troubleshooting. */
  debug(message: string): void;
  /** Normal events. */
  info(message: string): void;
  /** Faults that the clerk works around. */
  warn(message: string): void;
  /** Faults of the program, such as a listener that threw or a policy that returned an invalid value. */
  error(message: string): void;
}

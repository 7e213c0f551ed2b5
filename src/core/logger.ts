/** Receives errors that have no caller to be thrown to. `pino` and `console` have these four methods. */
export interface Logger {
  /** Details for troubleshooting. */
  debug(message: string): void;
  /** Normal events. */
  info(message: string): void;
  /** A fault that the clerk works around. */
  warn(message: string): void;
  /** A fault of the program: a listener threw, a policy returned an invalid value. */
  error(message: string): void;
}

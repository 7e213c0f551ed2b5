/** Receives log messages. `console` and the loggers of `pino` have these methods. */
export interface Logger {
  /** Details for troubleshooting. */
  debug(message: string): void;
  /** Normal events. */
  info(message: string): void;
  /** Faults after which the clerk continues to work. */
  warn(message: string): void;
  /** Faults of the program, such as a listener that threw. */
  error(message: string): void;
}

/** Where the clerk says what it cannot throw. */

/** Four methods; pino and console fit as they are. */
export interface Logger {
  /** Details for somebody who is looking for a fault. */
  debug(message: string): void;
  /** Normal events worth a line. */
  info(message: string): void;
  /** Something is wrong and the clerk copes. */
  warn(message: string): void;
  /** Something of the program's is broken: a listener threw, a policy returned nonsense. */
  error(message: string): void;
}

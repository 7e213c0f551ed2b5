import { escapeText } from './escape-text.js';

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

/**
 * Returns a logger that escapes control and format characters, because a part of a message may come from another
 * program.
 */
export function escapingLogger(logger: Logger): Logger {
  return {
    debug: (message) => logger.debug(escapeText(message)),
    info: (message) => logger.info(escapeText(message)),
    warn: (message) => logger.warn(escapeText(message)),
    error: (message) => logger.error(escapeText(message)),
  };
}

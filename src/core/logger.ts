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

/** Escapes control and format characters of each message, because a part of it may come from another program. */
export function escapingLogger(logger: Logger): Logger {
  return {
    debug: (message) => logger.debug(escapeText(message)),
    info: (message) => logger.info(escapeText(message)),
    warn: (message) => logger.warn(escapeText(message)),
    error: (message) => logger.error(escapeText(message)),
  };
}

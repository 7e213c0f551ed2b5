import type { Logger } from '../core/logger.js';
import { styled, type Output } from './output.js';

/** A logger that prints warnings and errors of the library to standard error. */
export function stderrLogger(stderr: Output): Logger {
  const print = (message: string): void => void stderr.line(styled('faint', message));
  const ignore = (): void => undefined;
  return { debug: ignore, info: ignore, warn: print, error: print };
}

import type { Logger } from '../core/logger.js';
import { styled, type Output } from './output.js';

export function stderrLogger(stderr: Output): Logger {
  const print = (message: string): void => void stderr.line(styled('faint', message));
  const ignore = (): void => undefined;
  return { debug: ignore, info: ignore, warn: print, error: print };
}

/** What the library says beside its answers, on standard error. */
import type { Logger } from '../core/logger.js';
import { paint, type Output } from './output.js';

/** A logger that tells people what is wrong, and nothing else. */
export function warningsOf(say: Output): Logger {
  const tell = (message: string): void => void say.line(paint('faint', message));
  const nothing = (): void => undefined;
  return { debug: nothing, info: nothing, warn: tell, error: tell };
}

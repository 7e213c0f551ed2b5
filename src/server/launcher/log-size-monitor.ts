import type { Timer } from '../../core/clock.js';
import { errorMessage } from '../../core/errors.js';
import type { LauncherContext } from './launcher-context.js';
import type { Manifest } from './manifest.js';

const intervalMs = 500;

export function logFileOf({ logs }: Pick<LauncherContext, 'logs'>, name: string): string | undefined {
  // Names contain no dots, so two names never share a log file.
  return logs && `${logs}/${name.slice(1).replaceAll('/', '.')}.log`;
}

/**
 * Limits the size of the log file of one service. The program writes to the file directly, so the file has no maximum
 * size while the server is stopped.
 *
 * @see [C8.5](../../../docs/guarantees.md#c8-5)
 */
export class LogSizeMonitor {
  readonly #context: LauncherContext;
  readonly #name: string;
  #timer: Timer | undefined;
  #hasWarned = false;

  constructor(context: LauncherContext, name: string) {
    this.#context = context;
    this.#name = name;
  }

  start({ maxLogBytes, maxLogFiles }: Pick<Manifest, 'maxLogBytes' | 'maxLogFiles'>): void {
    const path = logFileOf(this.#context, this.#name);
    if (path === undefined || this.#timer !== undefined) return;
    const { processes, runtime, logger } = this.#context;
    const look = async (): Promise<void> => {
      const timer = this.#timer;
      try {
        const result = await processes.rotateLog(path, maxLogBytes, maxLogFiles);
        if (result === 'discarded')
          this.#warnOnce(
            `The disk is almost full, so earlier output in the log ${path} was removed; free space on the disk`,
          );
        else if (result !== 'kept') this.#hasWarned = false;
      } catch (error) {
        logger.debug(`The size of ${path} was not limited: ${errorMessage(error)}`);
      }
      if (this.#timer === timer && timer !== undefined) arm();
    };
    const arm = (): void => {
      this.#timer = runtime.setTimer(() => void look(), intervalMs);
      this.#timer.setRef(false);
    };
    arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #warnOnce(message: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#context.logger.warn(message);
  }
}

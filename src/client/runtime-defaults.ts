import { debuglog } from 'node:util';
import type { Clock } from '../core/clock.js';
import { escapingLogger, type Logger } from '../core/logger.js';
import type { Runtime } from '../core/runtime.js';
import { currentProcess } from '../runtime/current-process.js';
import { systemClock } from '../runtime/system-clock.js';

export function resolveClock(runtime: Partial<Runtime>): Clock {
  const bind = <K extends keyof Clock>(key: K): Clock[K] => {
    const given = runtime[key] as ((...args: never[]) => unknown) | undefined;
    return (given ? given.bind(runtime) : systemClock[key]) as Clock[K];
  };
  return {
    now: bind('now'),
    wallNow: bind('wallNow'),
    random: bind('random'),
    setTimer: bind('setTimer'),
    afterPendingIo: bind('afterPendingIo'),
    hostname: bind('hostname'),
    hostId: bind('hostId'),
    hostAddresses: bind('hostAddresses'),
  };
}

/** Whether `NODE_DEBUG=binding-clerk` is set. */
export function isDebugging(): boolean {
  return debuglog('binding-clerk').enabled;
}

export function defaultLogger(): Logger {
  const log = debuglog('binding-clerk');
  const line = (level: string) => (message: string) => log('%s %s', level, message);
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}

/**
 * Returns the logger for faults that the program must see. Without a logger in the options, warnings become process
 * warnings.
 */
export function loudLogger(given: Logger | undefined, logger: Logger): Logger {
  return given === undefined
    ? escapingLogger({ ...logger, warn: (message) => currentProcess.warn(message) })
    : logger;
}

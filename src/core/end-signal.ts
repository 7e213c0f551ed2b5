/** Signals at which a service drains before the process ends. */
export type EndSignal = 'SIGTERM' | 'SIGINT';

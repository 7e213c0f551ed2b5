export type EndSignal = 'SIGTERM' | 'SIGINT';

import { isAuthenticated } from './authenticate-handler.js';

interface Emitter {
  listeners?(event: string): readonly unknown[];
}

/**
 * Returns the events whose listeners get requests without a check, although `authenticate` checks the other requests of
 * the server.
 */
export function uncheckedEvents(server: object): readonly string[] {
  const listenersOf = (event: string): readonly unknown[] => (server as Emitter).listeners?.(event) ?? [];
  if (!listenersOf('request').some(isAuthenticated)) return [];
  return ['upgrade', 'connect'].filter((event) =>
    listenersOf(event).some((listener) => !isAuthenticated(listener)),
  );
}

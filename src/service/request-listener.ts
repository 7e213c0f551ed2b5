import { isHttp2, type ServerLike } from './server-addresses.js';

interface Emitter extends ServerLike {
  prependListener?(event: string, listener: Listener): unknown;
  listenerCount?(event: string): number;
}

type Listener = (...args: unknown[]) => void;

type RequestEvent = 'request' | 'checkContinue' | 'checkExpectation';

/**
 * Calls `listener` before the listeners of the program, which may respond at once. On any server, a listener for
 * 'checkContinue' or 'checkExpectation' changes the behaviour of the server. On an HTTP/2 server, so does a listener
 * for 'request'. In these cases, `listener` is added only when the program adds a listener for the event.
 *
 * @returns a function that removes the listener
 */
export function addRequestListener(
  server: ServerLike,
  event: RequestEvent,
  listener: (request: unknown, response: unknown) => void,
): () => void {
  const emitter: Emitter = server;
  const onEvent = listener;
  const listen = (): unknown => emitter.prependListener?.(event, onEvent) ?? emitter.on(event, onEvent);
  const onNewListener: Listener = (added) => {
    if (added !== event) return;
    emitter.off('newListener', onNewListener);
    listen();
  };
  const waits = event !== 'request' || isHttp2(server);
  if (waits && emitter.listenerCount?.(event) === 0) emitter.on('newListener', onNewListener);
  else listen();
  return () => {
    emitter.off('newListener', onNewListener);
    emitter.off(event, onEvent);
  };
}

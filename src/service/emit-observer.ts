import type { ServerLike } from './server-addresses.js';

type EmitObserver = (event: string, details: readonly unknown[]) => void;

const observersOf = new WeakMap<object, Set<EmitObserver>>();

/**
 * Calls `observer` before the listeners of each event. Adds no listener, because a listener for 'upgrade' or
 * 'connect' changes the behaviour of a server.
 *
 * @returns a function that removes the observer
 */
export function observeEmit(server: ServerLike, observer: EmitObserver): () => void {
  const observers = observersOf.get(server) ?? patchEmit(server);
  observers.add(observer);
  return () => void observers.delete(observer);
}

function patchEmit(server: ServerLike): Set<EmitObserver> {
  const observers = new Set<EmitObserver>();
  observersOf.set(server, observers);
  const source = server as { emit?: (this: unknown, event: string, ...details: unknown[]) => boolean };
  const { emit } = source;
  if (emit !== undefined)
    source.emit = function (this: unknown, event: string, ...details: unknown[]): boolean {
      for (const observer of observers) observer(event, details);
      return emit.call(this, event, ...details);
    };
  return observers;
}

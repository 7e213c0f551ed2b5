/**
 * Wraps `target` so that the stack of each rejection also shows the caller of the method. Each returned object that
 * `isTraced` accepts is wrapped too. Use it only for debugging: each call captures a stack, which is slow.
 */
export function withCallerStacks<T extends object>(target: T, isTraced: (result: object) => boolean): T {
  const proxy: T = new Proxy(target, {
    get(_target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return function traced(...args: unknown[]): unknown {
        const caller: { stack?: string } = {};
        Error.captureStackTrace(caller, traced);
        const result: unknown = (value as (...all: unknown[]) => unknown).apply(target, args);
        if (result === target) return proxy;
        if (result instanceof Promise)
          return result.catch((error: unknown) => {
            addCaller(error, caller.stack);
            throw error;
          });
        return typeof result === 'object' && result !== null && isTraced(result)
          ? withCallerStacks(result, isTraced)
          : result;
      };
    },
  });
  return proxy;
}

function addCaller(error: unknown, stack: string | undefined): void {
  if (!(error instanceof Error) || stack === undefined) return;
  const lines = stack.split('\n').slice(1).join('\n');
  if (error.stack?.includes(lines) === true) return;
  error.stack = `${error.stack ?? error.message}\n    called\n${lines}`;
}

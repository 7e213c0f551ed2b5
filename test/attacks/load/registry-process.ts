/** A registry in a process of its own. Its parent starts it, and asks for its figures. */
import { setImmediate } from 'node:timers/promises';
import { startServer, type Server, type ServerOptions } from '../../../src/server/index.js';
import { LoopMeter } from './loop-meter.js';

export type ProcessRequest =
  | { readonly id: number; readonly ask: 'start'; readonly options: ServerOptions }
  | { readonly id: number; readonly ask: 'figures' }
  | { readonly id: number; readonly ask: 'close' };

export interface ProcessFigures {
  /** Longest time since the last request for figures in which the event loop handled no timer, in ms of CPU time. */
  readonly heldMs: number;
  readonly rssBytes: number;
  /** After a garbage collection. */
  readonly heapBytes: number;
}

const meter = new LoopMeter();
let server: Server | undefined;

async function answer(request: ProcessRequest): Promise<unknown> {
  switch (request.ask) {
    case 'start':
      server = await startServer(request.options);
      meter.take();
      return server.url;
    case 'figures': {
      // A callback that held the loop until now is counted at the next tick.
      await setImmediate();
      const heldMs = meter.take();
      const rssBytes = process.memoryUsage.rss();
      globalThis.gc?.();
      const heapBytes = process.memoryUsage().heapUsed;
      meter.skip();
      return { heldMs, rssBytes, heapBytes } satisfies ProcessFigures;
    }
    case 'close':
      await server?.close();
      server = undefined;
      return undefined;
  }
}

process.on('message', (request: ProcessRequest) => {
  answer(request).then(
    (value) => process.send?.({ id: request.id, value }),
    (error: unknown) => process.send?.({ id: request.id, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());

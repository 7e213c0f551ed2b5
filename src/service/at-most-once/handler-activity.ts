import type { ActivityMeter } from '../activity-meter.js';
import type { NodeResponse } from './node-types.js';

/**
 * Runs a handler, and counts its call until the response has closed.
 *
 * @param response - of a Node handler; undefined for a fetch-style handler
 */
export function countCall(
  meter: ActivityMeter,
  response: NodeResponse | undefined,
  run: () => unknown,
): unknown {
  const end = meter.begin();
  if (response === undefined) return countFetchCall(end, run);
  response.once('close', end);
  return run();
}

async function countFetchCall(end: () => void, run: () => unknown): Promise<unknown> {
  try {
    const response = await run();
    return response instanceof Response ? withCountedBody(response, end) : response;
  } catch (error) {
    end();
    throw error;
  }
}

/** Returns a copy whose body calls `end` when it ends, fails or is cancelled. */
function withCountedBody(response: Response, end: () => void): Response {
  // The end of an upgraded connection is not visible, so the call counts as in flight for ever.
  if (response.status === 101) return response;
  if (response.body === null || response.bodyUsed || response.body.locked) {
    end();
    return response;
  }
  const reader = response.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done, value } = await reader.read();
        if (!done) controller.enqueue(value);
        else {
          end();
          controller.close();
        }
      } catch (error) {
        end();
        controller.error(error);
      }
    },
    cancel: (reason) => {
      end();
      return reader.cancel(reason);
    },
  });
  return new Response(body, response);
}

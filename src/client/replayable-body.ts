/**
 * Maximum size of the collected chunks together, in bytes. A single chunk may be larger. A limit is needed, because a
 * stream may have no end.
 */
const maxCollectedBytes = 16 * 1_048_576;

type Chunk = Uint8Array<ArrayBuffer>;
type Read = Awaited<ReturnType<ReadableStreamDefaultReader<Chunk>['read']>>;

/**
 * Reads the body of a `Request`. A `Request` hides whether its body was made from a string, bytes or a stream. If all
 * chunks are ready, returns bytes, which have a length and can be sent again by a retry. If not, returns a stream of
 * the whole body.
 *
 * @param nextTurn - calls back in the next turn of the event loop; a chunk that has not arrived by then is not ready
 */
export async function replayableBody(
  body: ReadableStream<Chunk>,
  nextTurn: (callback: () => void) => void,
): Promise<Chunk | ReadableStream<Chunk>> {
  const reader = body.getReader();
  const chunks: Chunk[] = [];
  let size = 0;
  for (;;) {
    const reading = reader.read();
    const isReady = await Promise.race([
      reading.then(
        () => true,
        () => false,
      ),
      new Promise<false>((resolve) => nextTurn(() => resolve(false))),
    ]);
    const next = isReady ? await reading : undefined;
    if (next?.done === true) return concat(chunks, size);
    if (next !== undefined) {
      chunks.push(next.value);
      size += next.value.byteLength;
    }
    if (next === undefined || (chunks.length > 1 && size > maxCollectedBytes))
      return streamOf(chunks, next === undefined ? reading : undefined, reader);
  }
}

function concat(chunks: readonly Chunk[], size: number): Chunk {
  const [first] = chunks;
  if (first !== undefined && chunks.length === 1) return first;
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

/** @param reading - the pending read of the chunk that follows `chunks` */
function streamOf(
  chunks: Chunk[],
  reading: Promise<Read> | undefined,
  reader: ReadableStreamDefaultReader<Chunk>,
): ReadableStream<Chunk> {
  let pending = reading;
  return new ReadableStream<Chunk>({
    async pull(controller) {
      const chunk = chunks.shift();
      if (chunk !== undefined) {
        controller.enqueue(chunk);
        return;
      }
      const next = await (pending ?? reader.read());
      pending = undefined;
      if (next.done) controller.close();
      else controller.enqueue(next.value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

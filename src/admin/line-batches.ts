/** Passes batches of lines to one reader. The writer waits until the reader wants the next batch. */
export class LineBatches {
  readonly #queue: (readonly object[])[] = [];
  #onBatch: () => void = () => undefined;
  #onRead: () => void = () => undefined;
  #end: { readonly error?: unknown } | undefined;

  put(batch: readonly object[]): Promise<void> {
    this.#queue.push(batch);
    this.#onBatch();
    return new Promise((resolve) => (this.#onRead = resolve));
  }

  /** @param ended - settles when no batch follows; its rejection reaches the reader after the last batch */
  endWith(ended: Promise<void>): void {
    const end = (how: { readonly error?: unknown }): void => {
      this.#end = how;
      this.#onBatch();
    };
    ended.then(
      () => end({}),
      (error: unknown) => end({ error }),
    );
  }

  async *all(): AsyncGenerator<readonly object[], void, void> {
    for (;;) {
      const batch = this.#queue.shift();
      if (batch !== undefined) {
        yield batch;
        this.#onRead();
      } else if (this.#end === undefined) await new Promise<void>((resolve) => (this.#onBatch = resolve));
      else if ('error' in this.#end) throw this.#end.error;
      else return;
    }
  }
}

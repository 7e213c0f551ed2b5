/**
 * Time without progress after which an upload counts as late, in ms, if the attempt timeout is shorter. A connection
 * takes the bytes of an upload in portions, with pauses between them.
 */
const maxPauseMs = 1_000;
/** Minimum duration of a pause, in ms. A shorter time between two parts shows that the connection was not full. */
const minPauseMs = 20;
/** Longest time that the peer is given for the bytes in the buffers of the connection, in ms. */
const maxDrainMs = 10_000;

/**
 * How far the upload of a request body is. The connection takes the first parts of a body at once into its buffers, of
 * several megabytes, and then as fast as the peer reads.
 */
export class UploadProgress {
  /** Whether the connection has taken the whole request. */
  isComplete = false;
  #offeredBytes = 0;
  #lastProgressAt: number;
  #longestPauseMs = 0;
  #firstPauseAt: number | undefined;
  /** Number of bytes that were taken before the first pause. The buffers may grow later. */
  #bufferedBytes = 0;
  /**
   * Time for the peer to read the bytes in the buffers, in ms: as long as the upload took after the first pause. Twice
   * the measured time if that is longer, as for a body that is little larger than the buffers.
   */
  #drainMs = 0;

  /**
   * @param isInMemory - whether the whole body is at hand. The source of any other body may cause pauses, so its pauses
   * show nothing about the connection.
   */
  constructor(
    readonly isInMemory: boolean,
    now: number,
  ) {
    this.#lastProgressAt = now;
  }

  /**
   * Whether the transport reports the parts of the body. undici does not report the parts of a stream over HTTP/2.
   */
  get isReported(): boolean {
    return this.#offeredBytes > 0;
  }

  /**
   * Called when a part of the body is offered to the connection, which has then taken all earlier parts.
   *
   * @returns whether the connection was full, so that the peer has read bytes since
   */
  onOffered(bytes: number, now: number): boolean {
    const takenBytes = this.#offeredBytes;
    this.#offeredBytes += bytes;
    return this.#onProgress(takenBytes, now);
  }

  /**
   * Called when the connection has taken the whole request. Returns whether the connection was full before.
   */
  onComplete(now: number): boolean {
    this.isComplete = true;
    const wasFull = this.#onProgress(this.#offeredBytes, now);
    if (this.#firstPauseAt !== undefined) {
      const laterBytes = this.#offeredBytes - this.#bufferedBytes;
      const factor = Math.max(1, (2 * this.#bufferedBytes) / laterBytes);
      this.#drainMs = Math.min((now - this.#firstPauseAt) * factor, maxDrainMs);
    }
    return wasFull;
  }

  /**
   * Returns the time after the last progress at which the attempt is late, in ms. During the upload: the attempt
   * timeout, at least 1,000 ms and twice the longest pause so far. After the upload: the attempt timeout, and time for
   * the peer to read the bytes in the buffers.
   */
  timeoutMs(attemptTimeoutMs: number): number {
    return this.isComplete
      ? attemptTimeoutMs + this.#drainMs
      : Math.max(attemptTimeoutMs, maxPauseMs, 2 * this.#longestPauseMs);
  }

  #onProgress(takenBytes: number, now: number): boolean {
    const pauseMs = now - this.#lastProgressAt;
    const wasFull = this.isInMemory && takenBytes > 0 && pauseMs >= minPauseMs;
    if (wasFull) {
      if (this.#firstPauseAt === undefined) {
        this.#firstPauseAt = this.#lastProgressAt;
        this.#bufferedBytes = takenBytes;
      }
      this.#longestPauseMs = Math.max(this.#longestPauseMs, pauseMs);
    }
    this.#lastProgressAt = now;
    return wasFull;
  }
}

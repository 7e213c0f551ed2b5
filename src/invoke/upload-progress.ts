/**
 * An upload is late only after at least this time without progress, in ms. The time is long, because a connection takes
 * the bytes in portions, with pauses.
 */
const maxPauseMs = 1_000;
/** Minimum time between two parts that counts as a pause, in ms. A shorter time does not show a full connection. */
const minPauseMs = 20;
/** Maximum time, in ms, that the peer gets to read the bytes in the buffers of the connection. */
const maxDrainMs = 10_000;

/**
 * Measures how fast an upload progresses, to decide when it is late. A connection takes the first megabytes of a
 * request body at once, until its buffers are full. Later parts are taken as fast as the peer reads.
 */
export class UploadProgress {
  isComplete = false;
  #offeredBytes = 0;
  #lastProgressAt: number;
  #longestPauseMs = 0;
  #firstPauseAt: number | undefined;
  #bufferedBytes = 0;
  /**
   * Time for the peer to read the buffered bytes after the upload: twice the expected time at the rate of the peer.
   * The minimum is the time from the first pause to the end of the upload.
   */
  #drainMs = 0;

  /**
   * @param isInMemory - whether the whole body is available at once. If not, the pauses may come from the source of the
   * body, and show nothing about the connection.
   */
  constructor(
    readonly isInMemory: boolean,
    now: number,
  ) {
    this.#lastProgressAt = now;
  }

  /** Whether undici has reported a part of the body. undici does not report the parts of a stream over HTTP/2. */
  get isReported(): boolean {
    return this.#offeredBytes > 0;
  }

  /**
   * Called when a part of the body is offered to the connection, which has taken all earlier parts. Returns whether the
   * connection was full since the last part. If so, the peer has read bytes.
   */
  onOffered(bytes: number, now: number): boolean {
    const takenBytes = this.#offeredBytes;
    this.#offeredBytes += bytes;
    return this.#onProgress(takenBytes, now);
  }

  /** Called when the connection has taken the whole request. Returns whether the connection was full until now. */
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
   * Returns the time without progress after which the attempt is late. During the upload, this is at least 1,000 ms,
   * and at least twice the longest pause so far.
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

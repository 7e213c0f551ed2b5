/** A replica without its protocol: response body, delays and the number of received requests. */

/** @typedef {{ replica: string, port?: number, minMs?: number, maxMs?: number }} ReplicaInit */

export class Replica {
  /** Number of received requests. */
  received = 0;
  #minMs;
  #delayRange;
  #random;

  /**
   * @param {ReplicaInit} init
   * @param {() => number} random
   */
  constructor({ replica, minMs = 0, maxMs = minMs }, random) {
    this.body = {
      order: 7,
      customer: 'c-1024',
      total: 12.5,
      currency: 'EUR',
      items: ['pen', 'ink'],
      replica,
    };
    this.#minMs = minMs;
    this.#delayRange = maxMs - minMs + 1;
    this.#random = maxMs === 0 ? undefined : random;
  }

  /** Counts a request and calls `respond`: at once, or after a whole number of ms. @param {() => void} respond */
  serve(respond) {
    this.received++;
    if (this.#random === undefined) respond();
    else setTimeout(respond, this.#minMs + Math.floor(this.#random() * this.#delayRange));
  }
}

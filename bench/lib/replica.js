/** What every replica of the small service does, whatever protocol it speaks: the same answer, the same delays, one count. */

/** @typedef {{ replica: string, port?: number, minMs?: number, maxMs?: number }} ReplicaInit */

export class Replica {
  /** What it was sent. */
  received = 0;
  #minMs;
  #span;
  #random;

  /**
   * @param {ReplicaInit} init
   * @param {() => number} random
   */
  constructor({ replica, minMs = 0, maxMs = minMs }, random) {
    this.answer = {
      order: 7,
      customer: 'c-1024',
      total: 12.5,
      currency: 'EUR',
      items: ['pen', 'ink'],
      replica,
    };
    this.#minMs = minMs;
    this.#span = maxMs - minMs + 1;
    this.#random = maxMs === 0 ? undefined : random;
  }

  /** Counts a request and answers it when its time has come: at once, or after a whole number of ms. @param {() => void} answer */
  serve(answer) {
    this.received++;
    if (this.#random === undefined) answer();
    else setTimeout(answer, this.#minMs + Math.floor(this.#random() * this.#span));
  }
}
